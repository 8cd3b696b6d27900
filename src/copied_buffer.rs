use napi::bindgen_prelude::{BufferSlice, ToNapiValue};
use napi::{Env, Result, sys};

/// Bytes that become a Buffer in memory of the JS engine's own, which it frees in time: of memory that is lent to it, as
/// napi's `Buffer` does, tens of megabytes pile up.
pub struct CopiedBuffer(pub(crate) Vec<u8>);

impl ToNapiValue for CopiedBuffer {
    // The trait wants it so; nothing here is more than calls of its own kind.
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> Result<sys::napi_value> {
        let copy = BufferSlice::copy_from(&Env::from_raw(env), bytes.0)?;
        // SAFETY: `env` is the caller's, who vouches for it.
        unsafe { ToNapiValue::to_napi_value(env, copy) }
    }
}
