//! A key that is written down.

use syn::{Expr, ExprLit, Lit};

use super::Args;
use crate::error::at;

impl Args {
    /// A literal without a character that shows names nothing, and would be refused by every call.
    pub(crate) fn check_key(&mut self, what: &str, key: Option<&Expr>) {
        if let Some(blank) = key.and_then(blank) {
            let help = "name what differs from one to the next, such as `order.id`";
            self.errors.push(at(blank, format!("a {what} of nothing but blanks names nothing"), help));
        }
    }
}

/// The first part of the key that is such a literal.
fn blank(key: &Expr) -> Option<&Lit> {
    match key {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => text.value().trim().is_empty(),
            Lit::Char(char) => char.value().is_whitespace(),
            _ => false,
        }
        .then_some(lit),
        Expr::Tuple(parts) => parts.elems.iter().find_map(blank),
        Expr::Reference(to) => blank(&to.expr),
        Expr::Paren(inner) => blank(&inner.expr),
        Expr::Group(inner) => blank(&inner.expr),
        _ => None,
    }
}
