//! Identifiers as .NET writes them, from a source that repeats itself when its seed does.

use std::fmt;

/// A GUID: 128 bits, written in lower case with hyphens.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u128);

impl Guid {
    /// What an unreadable `{id}` in a path binds to.
    pub const ZERO: Self = Self(0);

    /// Reads the formats that `Guid.Parse` reads: with hyphens, without, in braces or parentheses.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = strip_pair(text, '{', '}').or_else(|| strip_pair(text, '(', ')')).unwrap_or(text);
        let digits = if bare.contains('-') { without_hyphens(bare)? } else { bare.to_owned() };
        let readable = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        readable.then(|| u128::from_str_radix(&digits, 16).ok().map(Self)).flatten()
    }
}

fn strip_pair(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

fn without_hyphens(text: &str) -> Option<String> {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    (lengths == [8, 4, 4, 4, 12]).then(|| text.replace('-', ""))
}

impl fmt::Display for Guid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(out, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Makes random-looking version 4 GUIDs; the same seed makes the same ones, so a failing test fails again.
#[derive(Debug)]
pub struct GuidSource(u64);

impl GuidSource {
    /// A source that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next GUID.
    pub fn next(&mut self) -> Guid {
        let bits = (u128::from(self.word()) << 64) | u128::from(self.word());
        let version = (bits & !(0xf << 76)) | (0x4 << 76);
        Guid((version & !(0x3 << 62)) | (0x2 << 62))
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
