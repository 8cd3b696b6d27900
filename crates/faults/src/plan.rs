use std::sync::{Mutex, PoisonError};

use crate::{Fault, Message};

/// Says what befalls a request; it is told which one on this proxy it is, from 0.
pub type Plan = Box<dyn Fn(&Message, usize) -> Option<Fault> + Send + Sync>;

/// Nothing befalls any request.
pub fn nothing() -> Plan {
    Box::new(|_, _| None)
}

/// A fault befalls the request of this number, and no other.
pub fn once(number: usize, fault: Fault) -> Plan {
    Box::new(move |_, n| (n == number).then(|| fault.clone()))
}

/// A fault befalls each request.
pub fn always(fault: Fault) -> Plan {
    from_then_on(0, fault)
}

/// A fault befalls each request from this number on.
pub fn from_then_on(number: usize, fault: Fault) -> Plan {
    Box::new(move |_, n| (n >= number).then(|| fault.clone()))
}

/// One of these faults befalls each request with this probability; the same seed draws the same faults.
pub fn random(seed: u64, probability: f64, faults: Vec<Fault>) -> Plan {
    let random = Mutex::new(fastrand::Rng::with_seed(seed));
    Box::new(move |_, _| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        if random.f64() >= probability {
            return None;
        }
        random.choice(&faults).cloned()
    })
}
