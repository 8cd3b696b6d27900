use std::collections::BTreeMap;

use crate::admission::AdmissionLimits;

/// What an operator may choose of an engine's behaviour. The defaults suit one machine and its user.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The most sandboxes that the engine takes on.
    pub limits: AdmissionLimits,
    /// How many warm runtimes to hold, by template. Default none.
    pub warm: BTreeMap<String, usize>,
}
