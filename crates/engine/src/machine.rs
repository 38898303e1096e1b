//! State machines: what is so, and what is to be done next. Each is called again after its step, until it rests.

pub mod attempts;
pub mod backup;
pub mod deletion;
pub mod location;
pub mod restore;
pub mod sweep;
pub mod sync;
