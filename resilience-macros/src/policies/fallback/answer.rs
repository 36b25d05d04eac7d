//! The function that answers, which stands without a name among the arguments.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, ExprClosure, Token};

use crate::args::find_ident;
use crate::error::{Errors, Result, at, nearest};
use crate::item::join;
use crate::layer::At;

/// A closure or a path, and whether what it gives is awaited.
pub(crate) enum Answer {
    /// `|error| ...`, or a path.
    Now(Expr),
    /// `async |error| ...`
    Closure(Expr),
    /// `async path`
    Path(Token![async], Expr),
}

impl Parse for Answer {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let marked = input.peek(Token![async]);
        let by_itself = input.peek2(Token![|]) || input.peek2(Token![||]) || input.peek2(Token![move]);
        if marked && !by_itself && !input.peek2(syn::token::Brace) {
            return Ok(Self::Path(input.parse()?, input.parse()?));
        }
        let expr = input.parse()?;
        Ok(if marked { Self::Closure(expr) } else { Self::Now(expr) })
    }
}

impl ToTokens for Answer {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if let Self::Path(token, _) = self {
            token.to_tokens(tokens);
        }
        self.expr().to_tokens(tokens);
    }
}

fn check_closure(closure: &ExprClosure) -> syn::Result<()> {
    if closure.inputs.len() != 1 {
        let ExprClosure { inputs_begin: start, inputs, inputs_end: end, .. } = closure;
        let help = "write `|error| ...`; the arguments of the function are there by their names";
        return Err(at(
            quote!(#start #inputs #end),
            "a fallback takes one argument, which is the error",
            help,
        ));
    }
    if let Expr::Async(block) = &*closure.body {
        let help = "mark the closure instead: `async |error| { ... }`";
        return Err(at(block.async_token, "this gives a future that nobody awaits", help));
    }
    Ok(())
}

impl Answer {
    fn expr(&self) -> &Expr {
        match self {
            Self::Now(expr) | Self::Closure(expr) | Self::Path(_, expr) => expr,
        }
    }

    /// Refuses what is visibly no function of the error.
    pub(super) fn check(self) -> syn::Result<Self> {
        let expr = self.expr();
        let value = match expr {
            Expr::Closure(closure) => return check_closure(closure).map(|()| self),
            Expr::Async(_) => {
                let help = "write `async |error| { ... }`; `|_|` where the error does not matter";
                return Err(at(expr, "a fallback is a function of the error, and this is a future", help));
            }
            Expr::Lit(_) | Expr::Tuple(_) | Expr::Array(_) | Expr::Struct(_) | Expr::Unary(_) => true,
            Expr::Call(call) => matches!(&*call.func, Expr::Path(path)
                if ["Ok", "Err", "Some"].iter().any(|name| path.path.is_ident(name))),
            _ => false,
        };
        if value {
            let help = format!("write `|_| {}`", expr.to_token_stream());
            return Err(at(expr, "a fallback is a function of the error, and this is a value", help));
        }
        Ok(self)
    }

    /// The outcome of its call with the error.
    pub(super) fn call(&self, edge: &Ident, error: &Ident, at: &At<'_>) -> TokenStream {
        let answer = self.expr();
        let called = if matches!(answer, Expr::Path(_)) { quote!(#answer) } else { quote!((#answer)) };
        // All of it stands at the user's own tokens, where an error of types is shown.
        let here = Span::mixed_site().located_at(join(answer));
        let (mut edge, mut error, mut runtime) = (edge.clone(), error.clone(), at.runtime.clone());
        for ident in [&mut edge, &mut error, &mut runtime] {
            ident.set_span(here);
        }
        let later = |said| at.wait.outcome(&quote_spanned!(Span::mixed_site()=> (&#edge).answering(#said)));
        match self {
            Self::Now(_) => {
                let said = quote_spanned!(here=> #runtime::answer(&#edge, #error, #answer));
                quote_spanned!(Span::mixed_site()=> (&#edge).answered(#said))
            }
            Self::Closure(_) => later(quote_spanned!(here=> #runtime::answer_later(&#edge, #error, #answer))),
            Self::Path(..) => {
                let call = quote_spanned!(here=> #runtime::awaited(#called(#error)).future().await);
                later(quote_spanned!(here=> #runtime::answer_later(&#edge, #error, async |#error| #call)))
            }
        }
    }

    /// What it says, except for the names that its own arguments take.
    pub(super) fn mentions(&self) -> TokenStream {
        match self.expr() {
            Expr::Closure(closure) => {
                without(closure.body.to_token_stream(), &closure.inputs.to_token_stream())
            }
            path => path.to_token_stream(),
        }
    }
}

fn without(tokens: TokenStream, names: &TokenStream) -> TokenStream {
    let keep = |token| match token {
        TokenTree::Ident(ident) if find_ident(names.clone(), &ident.to_string()).is_some() => None,
        TokenTree::Group(group) => {
            let inner = without(group.stream(), names);
            Some(proc_macro2::Group::new(group.delimiter(), inner).into())
        }
        token => Some(token),
    };
    tokens.into_iter().filter_map(keep).collect()
}

/// One argument: the function, or one by name as it was written.
enum Part {
    Answer(Answer),
    Named(Ident, TokenStream),
}

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let given = input.peek2(Token![=]) && !input.peek2(Token![==]) && !input.peek2(Token![=>]);
        let ahead = input.fork();
        let name = ahead.parse::<Ident>();
        match name {
            Ok(name) if given || name == "when" => Ok(Self::Named(name, one(input)?)),
            _ => input.parse().map(Self::Answer),
        }
    }
}

/// The tokens of an expression; all that is left, where there is none.
fn one(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    match input.fork().parse::<Expr>() {
        Ok(_) => Ok(input.parse::<Expr>()?.to_token_stream()),
        Err(_) => input.parse(),
    }
}

/// Takes the answer out from among the arguments by name.
pub(crate) fn split(tokens: TokenStream) -> Result<(Option<Answer>, TokenStream)> {
    let mut errors = Errors::default();
    let (mut answer, mut named, mut stranger) = (None, TokenStream::new(), None);
    let parts = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match input.parse()? {
                Part::Named(name, tokens) => {
                    named.extend(tokens);
                    stranger = stranger.take().or(Some(name));
                }
                Part::Answer(second) if answer.is_some() => {
                    let help = "a second one goes above, as a `#[fallback]` of its own; it answers what the first one could not";
                    errors.push(at(second, "a fallback has one function, and this is the second", help));
                }
                Part::Answer(first) => answer = Some(first),
            }
            if input.is_empty() {
                break;
            }
            let Some(comma) = input.parse::<Option<Token![,]>>()? else {
                let next: TokenTree = input.parse()?;
                let help = format!("put a comma in front of `{next}`");
                return Err(at(&next, "a comma is missing between two arguments", help));
            };
            if !named.is_empty() {
                named.extend(quote!(#comma));
            }
        }
        Ok(())
    };
    parts.parse2(tokens)?;
    if let (None, Some(name)) = (&answer, stranger)
        && name != "when"
        && nearest(&name.to_string(), ["when"]).is_none()
    {
        let help = "write the function alone: `#[fallback(|error| ...)]`, `#[fallback(path)]`";
        errors.push(at(
            &name,
            format!("a fallback is a function of the error, and `{name}` is no argument of it"),
            help,
        ));
    }
    errors.finish((answer, named))
}
