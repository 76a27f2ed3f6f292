//! JSON (RFC 8259) taken apart against the shape it should have, without a tree.
//!
//! Promises: what is taken is JSON, and of its shape; what has no shape is passed over, but read. Not taken, so that nobody
//! has to say what it means: a known name that stands twice or is spelt with escapes, a number with a fraction where a
//! whole one belongs, half a surrogate pair, more than `DEEPEST` levels.

use std::borrow::Cow;

/// Levels of nesting.
const DEEPEST: usize = 64;

/// What a value has to be.
#[derive(Debug)]
pub enum Shape {
    /// Anything; kept as it stands.
    Any,
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// A whole number in this range.
    Number(i64, i64),
    /// An array; kept as it stands.
    List(&'static Shape),
    /// A value, or an array of such; kept as it stands.
    Several(&'static Shape),
    /// An object with these among its fields.
    Object(&'static [Field]),
}

/// A field of an object that is known.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub shape: Shape,
    /// Whether it may be null.
    pub or_null: bool,
}

/// A value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Between its quotes, as it stands.
    Text(&'a str),
    /// True or false.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// As it stands.
    Raw(&'a str),
    /// An object.
    Object,
}

/// A line that is taken apart.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The object that is the whole text; `found` is told each known field that is not null, with the place of each name on
    /// the way to it among the fields of its object.
    pub fn object(text: &'a str, fields: &'static [Field], found: &mut impl Found<'a>) -> Option<()> {
        let mut scanner = Self { text, at: 0 };
        scanner.space();
        scanner.fields(fields, 1, found)?;
        scanner.space();
        (scanner.at == text.len()).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn maybe(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.maybe(byte).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// An object, from its brace on.
    fn fields(&mut self, fields: &'static [Field], depth: usize, found: &mut impl Found<'a>) -> Option<()> {
        let (mut seen, mut next) = (0u64, 0);
        self.members(|scanner, name| {
            if name.contains('\\') {
                return None;
            }
            // Fields come in the order of their list, mostly.
            let after = fields.get(next..)?.iter().position(|field| field.name == name).map(|at| at + next);
            let place = after.or_else(|| fields.get(..next)?.iter().position(|field| field.name == name));
            let Some((place, field)) = place.and_then(|place| Some((place, fields.get(place)?))) else {
                return scanner.pass(depth);
            };
            if seen & 1 << place != 0 {
                return None;
            }
            seen |= 1 << place;
            next = place + 1;
            if field.or_null && scanner.peek() == Some(b'n') {
                return scanner.word("null");
            }
            found.enter(place);
            let value = scanner.value(&field.shape, depth, found)?;
            found.leave(value);
            Some(())
        })
    }

    /// The members of an object, from its brace on: `member` is asked for the value behind each name.
    fn members(&mut self, mut member: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.byte(b'{')?;
        self.space();
        if self.maybe(b'}') {
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.space();
            self.byte(b':')?;
            self.space();
            member(self, name)?;
            self.space();
            if !self.maybe(b',') {
                return self.byte(b'}');
            }
            self.space();
        }
    }

    /// The items of an array, from its bracket on.
    fn items(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.byte(b'[')?;
        self.space();
        if self.maybe(b']') {
            return Some(());
        }
        loop {
            item(self)?;
            self.space();
            if !self.maybe(b',') {
                return self.byte(b']');
            }
            self.space();
        }
    }

    fn value(&mut self, shape: &'static Shape, depth: usize, found: &mut impl Found<'a>) -> Option<Value<'a>> {
        let start = self.at;
        match shape {
            Shape::Text => return self.string().map(Value::Text),
            Shape::Flag => {
                let is_true = self.peek() == Some(b't');
                self.word(if is_true { "true" } else { "false" })?;
                return Some(Value::Flag(is_true));
            }
            Shape::Number(least, most) => {
                return self.whole().filter(|number| least <= number && number <= most).map(Value::Number);
            }
            Shape::Object(fields) => {
                self.fields(fields, deeper(depth)?, found)?;
                return Some(Value::Object);
            }
            Shape::Several(one) if self.peek() != Some(b'[') => {
                self.value(one, depth, &mut Nothing)?;
            }
            Shape::List(one) | Shape::Several(one) => {
                let depth = deeper(depth)?;
                self.items(|scanner| scanner.value(one, depth, &mut Nothing).map(|_| ()))?;
            }
            Shape::Any => self.pass(depth)?,
        }
        self.text.get(start..self.at).map(Value::Raw)
    }

    /// Passes over a value.
    fn pass(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => {
                let depth = deeper(depth)?;
                self.members(|scanner, _| scanner.pass(depth))
            }
            b'[' => {
                let depth = deeper(depth)?;
                self.items(|scanner| scanner.pass(depth))
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    /// What stands between two quotes; its escapes are ones that `unescaped` can read.
    fn string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let start = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += plain(rest)?;
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += escape(self.text.as_bytes().get(self.at..)?)?.1,
                _ => return None,
            }
        }
        let text = self.text.get(start..self.at)?;
        self.at += 1;
        Some(text)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// The part of a number before its point.
    fn whole(&mut self) -> Option<i64> {
        let start = self.at;
        self.maybe(b'-');
        if !self.maybe(b'0') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'0'..=b'9')) {
            return None;
        }
        self.text.get(start..self.at)?.parse().ok()
    }

    fn number(&mut self) -> Option<()> {
        self.maybe(b'-');
        if !self.maybe(b'0') {
            self.digits()?;
        }
        if self.maybe(b'.') {
            self.digits()?;
        }
        if self.maybe(b'e') || self.maybe(b'E') {
            let _ = self.maybe(b'+') || self.maybe(b'-');
            self.digits()?;
        }
        Some(())
    }
}

/// Bytes of text before the first that is special in it: a quote, a backslash, a control character.
fn plain(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES << 7;
    /// Not zero where a byte of the eight is.
    const fn zeros(eight: u64) -> u64 {
        eight.wrapping_sub(ONES) & !eight & HIGH
    }
    let is_special = |eight: u64| {
        let quote = zeros(eight ^ (ONES * b'"' as u64));
        let backslash = zeros(eight ^ (ONES * b'\\' as u64));
        let control = zeros(eight & (ONES * 0xE0));
        quote | backslash | control != 0
    };
    let (eights, _) = text.as_chunks::<8>();
    let start = 8 * eights.iter().take_while(|eight| !is_special(u64::from_le_bytes(**eight))).count();
    let rest = text.get(start..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).map(|at| start + at)
}

/// Takes the fields as they are found.
pub trait Found<'a> {
    /// A known field of the object begins, the one at this place of its list.
    fn enter(&mut self, place: usize);
    /// It ended, and this is its value.
    fn leave(&mut self, value: Value<'a>);
}

/// Takes nothing: of values that are kept as they stand.
struct Nothing;

impl Found<'_> for Nothing {
    fn enter(&mut self, _: usize) {}
    fn leave(&mut self, _: Value<'_>) {}
}

/// What stood between two quotes, as text.
#[must_use]
pub fn unescaped(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(at) = rest.find('\\') {
        let Some((character, length)) = escape(&rest.as_bytes()[at..]) else { break };
        plain.push_str(&rest[..at]);
        plain.push(character);
        rest = &rest[at + length..];
    }
    if plain.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(plain + rest) }
}

/// The character that an escape says, and the length of it; a pair of surrogates says one.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match text.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((character, 2))
}

fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(text.get(6..)?)?;
    let pair = char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?.ok()?;
    Some((pair, 12))
}

/// The number that `\uXXXX` says.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

fn deeper(depth: usize) -> Option<usize> {
    (depth < DEEPEST).then_some(depth + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: &[Field] = &[Field { name: "a", shape: Shape::Text, or_null: true }];
    const FIELDS: &[Field] = &[
        Field { name: "n", shape: Shape::Number(0, 9), or_null: false },
        Field { name: "o", shape: Shape::Object(INNER), or_null: true },
        Field { name: "l", shape: Shape::List(&Shape::Object(INNER)), or_null: false },
        Field { name: "f", shape: Shape::Flag, or_null: false },
        Field { name: "s", shape: Shape::Several(&Shape::Number(1, 2)), or_null: false },
    ];

    #[derive(Default)]
    struct Told<'a>(Vec<usize>, Vec<(Vec<usize>, Value<'a>)>);

    impl<'a> Found<'a> for Told<'a> {
        fn enter(&mut self, place: usize) {
            self.0.push(place);
        }
        fn leave(&mut self, value: Value<'a>) {
            self.1.push((self.0.clone(), value));
            self.0.pop();
        }
    }

    fn told(text: &str) -> Option<Vec<(Vec<usize>, Value<'_>)>> {
        let mut told = Told::default();
        Scanner::object(text, FIELDS, &mut told).map(|()| told.1)
    }

    #[test]
    fn fields_are_told_with_their_places() {
        let text =
            r#" {"l" : [{"a":null,"b":[1.5e-3,{}]}], "x":[[],true,"\ud83d\ude00"],"o":{"a":"\"b"},"n":7,"s":[1,2]} "#;
        let raw = r#"[{"a":null,"b":[1.5e-3,{}]}]"#;
        assert_eq!(
            told(text).unwrap(),
            [
                (vec![2], Value::Raw(raw)),
                (vec![1, 0], Value::Text("\\\"b")),
                (vec![1], Value::Object),
                (vec![0], Value::Number(7)),
                (vec![4], Value::Raw("[1,2]")),
            ]
        );
    }

    #[test]
    fn a_text_is_taken_whole_or_not() {
        let text = r#"{"n":7,"o":{"a":"\u00e9"},"l":[],"f":true,"x":{"y":[-1.5,null]}}"#;
        assert!(told(text).is_some());
        for end in 0..text.len() {
            assert!(told(&text[..end]).is_none(), "{}", &text[..end]);
        }
        for bad in [
            r#"{"n":10}"#,
            r#"{"n":1.0}"#,
            r#"{"n":01}"#,
            r#"{"n":null}"#,
            r#"{"n":1,"n":1}"#,
            r#"{"\u006e":1}"#,
            r#"{"o":{"a":5}}"#,
            r#"{"l":[{"a":5}]}"#,
            r#"{"l":[1,]}"#,
            r#"{"s":3}"#,
            r#"{"f":1}"#,
            r#"{"x":"\ud800"}"#,
            r#"{"x":"\ud800\u0041"}"#,
            "{\"x\":\"\u{1}\"}",
            r#"{"x":.5}"#,
            r#"{"x":1.}"#,
            r#"{"x":1e}"#,
            r#"{"x":01}"#,
            r#"{} {}"#,
            "[]",
        ] {
            assert!(told(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nesting_ends() {
        let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(told(&nested(DEEPEST - 1)).is_some());
        assert!(told(&nested(DEEPEST)).is_none());
        assert!(told(&nested(1 << 20)).is_none());
    }

    #[test]
    fn escapes_say_characters() {
        assert_eq!(unescaped(r#"a\/\"\\\b\f\n\r\t\u00E9\ud83d\ude00z"#), "a/\"\\\u{8}\u{c}\n\r\té😀z");
        assert!(matches!(unescaped("plain"), Cow::Borrowed("plain")));
    }
}
