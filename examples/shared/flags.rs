//! Reads a command line of flags: both `--seed 7` and `--seed=7`. An error is one line for the person who typed it.

/// The arguments after the program's name.
pub(crate) struct Flags<I> {
    args: I,
    /// The flag that is being read, as it was typed.
    typed: String,
}

impl<I: Iterator<Item = String>> Flags<I> {
    pub(crate) fn new(args: I) -> Self {
        Self { args, typed: String::new() }
    }

    /// The name of the next flag.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.typed = self.args.next()?;
        Some(self.split().0.to_owned())
    }

    /// The value of this flag.
    pub(crate) fn value(&mut self, expected: &str) -> Result<String, String> {
        let inline = self.split().1.map(str::to_owned);
        let value = inline.or_else(|| self.args.next()).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("{}: no value; expected {expected}", self.split().0))
    }

    /// The value of this flag, a whole number.
    pub(crate) fn number(&mut self, min: u64, max: u64) -> Result<u64, String> {
        let expected = format!("a whole number from {min} to {max}");
        let value = self.value(&expected)?;
        match value.parse() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.invalid(&value, &expected)),
        }
    }

    /// This flag has no value: it is there, and so it is on.
    pub(crate) fn switch(&self) -> Result<bool, String> {
        match self.split() {
            (flag, Some(value)) => Err(format!("{flag}: takes no value, got {value:?}")),
            (_, None) => Ok(true),
        }
    }

    pub(crate) fn invalid(&self, value: &str, expected: &str) -> String {
        format!("{}: {value:?} is not valid; expected {expected}", self.split().0)
    }

    pub(crate) fn unknown(&self, expected: &str) -> String {
        format!("{:?}: no such argument; expected {expected}", self.typed)
    }

    fn split(&self) -> (&str, Option<&str>) {
        match self.typed.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (&self.typed, None),
        }
    }
}

/// A line as it would be typed.
#[cfg(test)]
pub(crate) fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(str::to_owned)
}
