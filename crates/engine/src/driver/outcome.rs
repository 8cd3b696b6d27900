use sandbar_protocol::Diagnostic;

/// How a call ends when the driver went away or ends: nothing is wrong with the sandbox.
const INTERRUPTIONS: [&str; 3] = ["keeper_lost", "keeper_silent", "shutting_down"];

/// Whether a driver's error says that the outcome is unknown: the call may have been carried out, in part or not at all.
///
/// Such an error is never taken for a failure of the sandbox: the effect is repeated.
pub(crate) fn is_outcome_unknown(diagnostic: &Diagnostic) -> bool {
    INTERRUPTIONS.contains(&diagnostic.reason.as_str())
}
