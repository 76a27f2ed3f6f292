//! Conversations: which packets belong together, who opened, what each side is known to have sent.

pub mod direction;
pub mod fragments;
pub mod key;
pub mod slots;
pub mod state;
pub mod table;
pub mod tcp;
