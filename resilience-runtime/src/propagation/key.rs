//! An idempotency key in a header: a string in double quotes, or the bare text that many clients send.

use super::Problem;

/// The longest key, in bytes of its text.
const LONGEST: usize = 255;

const FORM: Problem = Problem::Malformed("a text in double quotes, or one without spaces, quotes and commas");

/// The text of the key.
pub(super) fn parse(value: &[u8]) -> Result<Box<str>, Problem> {
    // Before it is copied: every byte of the text can be escaped, and there are the quotes.
    if value.len() > 2 * LONGEST + 2 {
        return Err(Problem::TooLong(LONGEST));
    }
    if !value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Problem::NotAscii);
    }
    let text = match value {
        [b'"', inner @ .., b'"'] => unescape(inner).ok_or(FORM)?,
        // Lines of a repeated header that a proxy has joined have a comma between them.
        bare if bare.iter().any(|byte| b" \",;\\".contains(byte)) => return Err(FORM),
        bare => bare.iter().copied().map(char::from).collect(),
    };
    match text.len() {
        0 => Err(FORM),
        1..=LONGEST => Ok(text.into_boxed_str()),
        _ => Err(Problem::TooLong(LONGEST)),
    }
}

/// What stands between the quotes: a backslash comes before a quote and before a backslash, and nowhere else.
fn unescape(inner: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        text.push(char::from(match byte {
            b'"' => return None,
            b'\\' => *bytes.next().filter(|next| matches!(next, b'"' | b'\\'))?,
            plain => plain,
        }));
    }
    Some(text)
}
