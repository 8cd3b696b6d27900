use std::io;
use std::path::Path;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nix::libc::ELOOP;
use sandbar_protocol::RuntimeError;

/// Why a request is refused, in the Connect protocol's words; routes that are not Connect's use the same ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    const fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, message }
    }

    /// 400: the request is wrong, whatever the sandbox's state.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", message.into())
    }

    /// 400: the request is right, but not in the state that things are in.
    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "failed_precondition", message.into())
    }

    /// 403
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_denied", message.into())
    }

    /// 404
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message.into())
    }

    /// 405
    pub(crate) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "unimplemented", "this route does not take this method".to_owned())
    }

    /// 409
    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "already_exists", message.into())
    }

    /// 415
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unimplemented", message.into())
    }

    /// 416
    pub(crate) fn range(message: impl Into<String>) -> Self {
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "out_of_range", message.into())
    }

    /// 404, as a missing route is.
    pub(crate) fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unimplemented", message.into())
    }

    /// 502: what is asked for is a program of the sandbox, which does not answer.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "unavailable", message.into())
    }

    /// 500: nothing that the caller could mend.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message.into())
    }

    /// 504: the time that the caller gave it is over.
    pub(crate) fn deadline_exceeded(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", message.into())
    }

    /// 500: something happened that nobody can tell any more.
    pub(crate) fn data_loss(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "data_loss", message.into())
    }

    /// What the system said about a path; `what` was to be done, as "read".
    pub(crate) fn of_path(error: &io::Error, what: &str, path: &Path) -> Self {
        use io::ErrorKind as Kind;
        let path = path.display();
        match error.kind() {
            Kind::NotFound => Self::not_found(format!("there is no {path}")),
            Kind::NotADirectory => Self::invalid(format!("{path}, or a part of it, is not a directory")),
            Kind::IsADirectory => Self::invalid(format!("{path} is a directory, where a file is needed")),
            Kind::DirectoryNotEmpty => Self::precondition(format!("{path} is a directory that is not empty")),
            Kind::AlreadyExists => Self::exists(format!("{path} exists already")),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
                Self::denied(format!("can't {what} {path}: it is read-only, or not the sandbox user's"))
            }
            Kind::InvalidFilename => {
                Self::invalid(format!("a name in {path} is longer than 255 bytes, or the path longer than 4,095"))
            }
            Kind::ResourceBusy => Self::precondition(format!("can't {what} {path}: it is in use, as a mount point is")),
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::full(&format!("can't {what} {path}")),
            _ if error.raw_os_error() == Some(ELOOP) => {
                Self::invalid(format!("{path} is a symlink that leads back to itself"))
            }
            _ => Self::internal(format!("can't {what} {path}: {error}")),
        }
    }

    /// 507: the sandbox's disk, or a file, is as large as it may be.
    fn full(what: &str) -> Self {
        let message =
            format!("{what}: the sandbox's disk is full, or the file larger than the disk: remove some files");
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "resource_exhausted", message)
    }

    /// The same, with what else there is to know.
    pub(crate) fn noting(mut self, note: &str) -> Self {
        self.message = format!("{} ({note})", self.message);
        self
    }

    /// The word for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = RuntimeError { code: self.code.to_owned(), message: self.message };
        (self.status, Json(error)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_a_path_names_the_path_and_has_a_code_of_its_own() {
        let of = |errno| {
            let problem = Problem::of_path(&io::Error::from_raw_os_error(errno), "write", Path::new("/root/x"));
            assert!(problem.message().contains("/root/x"), "{problem:?}");
            (problem.status.as_u16(), problem.code())
        };
        use nix::libc;
        assert_eq!(of(libc::ENOENT), (404, "not_found"));
        assert_eq!(of(libc::ENOTDIR), (400, "invalid_argument"));
        assert_eq!(of(libc::EISDIR), (400, "invalid_argument"));
        assert_eq!(of(libc::EEXIST), (409, "already_exists"));
        assert_eq!(of(libc::EROFS), (403, "permission_denied"));
        assert_eq!(of(libc::ENAMETOOLONG), (400, "invalid_argument"));
        assert_eq!(of(libc::ENOSPC), (507, "resource_exhausted"));
        assert_eq!(of(libc::EDQUOT), (507, "resource_exhausted"));
        assert_eq!(of(libc::EFBIG), (507, "resource_exhausted"));
        assert_eq!(of(libc::EBUSY), (400, "failed_precondition"));
        assert_eq!(of(libc::EIO), (500, "internal"));
    }
}
