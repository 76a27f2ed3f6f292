//! Numbers that look random and are the same in every run, for tests that throw any bytes at a reader.

/// The next number of a xorshift generator (Marsaglia, 2003), as often as it is called.
pub fn dice() -> impl FnMut() -> u64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
