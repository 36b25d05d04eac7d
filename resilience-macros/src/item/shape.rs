//! The three ways to write an asynchronous function, and what its body is in each.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

use super::{Function, lend};
use crate::error::{Errors, Place, at, at_span};
use crate::paths;

/// How the function is asynchronous.
pub(crate) enum Form {
    /// `async fn`
    Native,
    /// `-> impl Future`, or a boxed one as `#[async_trait]` writes it; the tokens around the `async` block.
    Block { before: TokenStream, wrap: Option<TokenStream> },
}

/// The body, and what it returns.
pub(crate) struct Body {
    pub(crate) form: Form,
    pub(crate) returns: Type,
    /// Why that is visibly no place for a rejection, where it is not.
    pub(crate) bare: Option<Bare>,
    /// The statements, with the braces' span.
    pub(crate) block: Group,
    /// The braces of the function.
    outer: Span,
}

impl Body {
    pub(crate) fn of(function: &Function, policy: &str) -> Result<Self, Errors> {
        let sig = &function.sig;
        let Some(block) = function.block.clone() else { return Err(Errors::default()) };
        if sig.asyncness.is_some() {
            let (returns, bare) = match &sig.output {
                ReturnType::Default => {
                    (syn::parse_quote_spanned!(sig.ident.span()=> ()), Some(Bare::of(&sig.ident, "()")))
                }
                ReturnType::Type(_, ty) => ((**ty).clone(), visibly_bare(ty)),
            };
            let outer = block.span();
            return Ok(Self { form: Form::Native, returns, bare, block, outer });
        }
        let output = match &sig.output {
            ReturnType::Type(_, ty) => future_output(ty),
            ReturnType::Default => None,
        };
        let Some(output) = output else {
            let help = "make it `async fn`; a synchronous function cannot wait for a policy";
            return Err(
                at(sig.fn_token, format!("`#[{policy}]` needs an asynchronous function"), help).into()
            );
        };
        let outer = block.span();
        let (form, block) = async_block(&block).ok_or_else(|| {
            let help = format!("make it one `async move {{ ... }}` block (or `Box::pin(async move {{ ... }})`), or an `async fn`{}", function.way_out);
            at_span(block.span_open(), "the body of a function that returns a future must be a single `async` block", help)
        })?;
        let bare = visibly_bare(&output);
        Ok(Self { form, returns: output, bare, block, outer })
    }

    /// Whether the policies have been expanded before: the body begins with the stack's const.
    pub(crate) fn is_expanded(&self) -> bool {
        let mut tokens = self.block.stream().into_iter();
        tokens.next().is_some_and(|token| token.to_string() == "const")
            && tokens.next().is_some_and(|token| token.to_string() == paths::MARKER)
    }

    /// Whether it is a single expression, around which braces would be unnecessary to the compiler. Else it is a block of its own:
    /// its items stand at the top of one, and what it imports is not seen outside of it.
    pub(crate) fn is_expression(&self) -> bool {
        const ITEMS: [&str; 14] = [
            "use",
            "const",
            "static",
            "fn",
            "struct",
            "enum",
            "union",
            "impl",
            "trait",
            "type",
            "mod",
            "macro_rules",
            "pub",
            "extern",
        ];
        let words: Vec<_> = self.block.stream().into_iter().map(|token| token.to_string()).collect();
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let is_item = match word(0) {
            // A block of this kind is an expression.
            "async" | "unsafe" => ITEMS.contains(&word(1)) || word(1) == "unsafe",
            "#" => true,
            // A block that is evaluated by the compiler; and a name.
            "const" => !words.get(1).is_some_and(|word| word.starts_with('{')),
            "union" => word(1).starts_with(|c: char| c.is_alphabetic() || c == '_'),
            first => ITEMS.contains(&first),
        };
        !words.is_empty() && !is_item && !words.iter().any(|word| word == ";")
    }

    /// Lends a `&mut self` where the body would use it up: it runs again.
    pub(crate) fn reborrow_self(&mut self) {
        self.set(lend::again(self.block.stream()));
    }

    /// The function's block around these statements. Its braces are the user's: by them the compiler tells whose function it is.
    pub(crate) fn close(&self, statements: &TokenStream) -> Group {
        let inside = match &self.form {
            Form::Native => statements.clone(),
            Form::Block { before, wrap: None } => quote!(#before { #statements }),
            Form::Block { before, wrap: Some(pin) } => quote!(#pin(#before { #statements })),
        };
        let mut block = Group::new(Delimiter::Brace, inside);
        block.set_span(self.outer);
        block
    }

    fn set(&mut self, tokens: TokenStream) {
        let mut block = Group::new(Delimiter::Brace, tokens);
        block.set_span(self.block.span());
        self.block = block;
    }
}

/// Whether a future is returned, as far as the type tells.
pub(super) fn is_future(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, ty) if future_output(ty).is_some())
}

/// The `Output` of `impl Future<Output = T>` or `Pin<Box<dyn Future<Output = T>>>`.
fn future_output(ty: &Type) -> Option<Type> {
    let bounds = match ty {
        Type::ImplTrait(ty) => &ty.bounds,
        Type::TraitObject(ty) => &ty.bounds,
        Type::Path(ty) => {
            let last = ty.path.segments.last()?;
            let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
            return (last.ident == "Pin" || last.ident == "Box").then(|| {
                args.args.iter().find_map(|arg| match arg {
                    GenericArgument::Type(ty) => future_output(ty),
                    _ => None,
                })
            })?;
        }
        Type::Group(ty) => return future_output(&ty.elem),
        Type::Paren(ty) => return future_output(&ty.elem),
        _ => return None,
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let PathArguments::AngleBracketed(args) = &bound.path.segments.last()?.arguments else { return None };
        args.args.iter().find_map(|arg| match arg {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
            _ => None,
        })
    })
}

/// The only `async` block of a body, and what is around it.
fn async_block(block: &Group) -> Option<(Form, Group)> {
    let mut tokens: Vec<_> = block.stream().into_iter().collect();
    let last = tokens.pop()?;
    let TokenTree::Group(last) = last else { return None };
    if last.delimiter() == Delimiter::Brace {
        return is_async(&tokens)
            .then(|| (Form::Block { before: tokens.into_iter().collect(), wrap: None }, last));
    }
    let called = tokens.last().is_some_and(|token| token.to_string() == "pin");
    let path = tokens.iter().all(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    });
    if last.delimiter() != Delimiter::Parenthesis || !called || !path {
        return None;
    }
    let (form, block) = async_block(&last)?;
    let Form::Block { before, wrap: None } = form else { return None };
    Some((Form::Block { before, wrap: Some(tokens.into_iter().collect()) }, block))
}

fn is_async(tokens: &[TokenTree]) -> bool {
    let words: Vec<_> = tokens.iter().map(ToString::to_string).collect();
    words == ["async"] || words == ["async", "move"]
}

/// What is visibly no `Result`; an alias is left to the compiler.
fn visibly_bare(ty: &Type) -> Option<Bare> {
    let bare = match ty {
        Type::Tuple(_)
        | Type::Reference(_)
        | Type::Array(_)
        | Type::Slice(_)
        | Type::ImplTrait(_)
        | Type::Never(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            matches!(
                name.as_str(),
                "bool"
                    | "char"
                    | "str"
                    | "String"
                    | "Vec"
                    | "Option"
                    | "Box"
                    | "Arc"
                    | "HashMap"
                    | "u8"
                    | "u16"
                    | "u32"
                    | "u64"
                    | "u128"
                    | "usize"
                    | "i8"
                    | "i16"
                    | "i32"
                    | "i64"
                    | "i128"
                    | "isize"
                    | "f32"
                    | "f64"
            )
        }),
        _ => false,
    };
    bare.then(|| Bare::of(ty, &ty.to_token_stream().to_string()))
}

/// A result that is no `Result`.
pub(crate) struct Bare {
    place: Place,
    ty: String,
}

impl Bare {
    fn of(place: &impl ToTokens, ty: &str) -> Self {
        Self { place: Place::of(place), ty: ty.replace(' ', "") }
    }

    /// Nobody in the stack answers a rejection. The policies of a block are above those of its
    /// methods, so a method's own fallback is none on top.
    pub(crate) fn refuse(&self, way_out: &str) -> Errors {
        let wrong = "this function does not return a `Result`, so a rejection has nowhere to go";
        let answered = "; or answer every rejection: `#[fallback(|error: resilience::Error| ...)]` as the topmost policy, \
                        without `when`";
        let or = if way_out.is_empty() { answered } else { way_out };
        let help = format!("return `Result<{}, E>`, where `E` has `From<resilience::Error>`{or}", self.ty);
        at(self.place, wrong, help).into()
    }
}

/// The result type with `_` for what has no name.
pub(crate) fn nameable(ty: &Type) -> Type {
    struct Erase;
    impl VisitMut for Erase {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if matches!(ty, Type::ImplTrait(_)) {
                *ty = syn::parse_quote!(_);
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let mut ty = ty.clone();
    Erase.visit_type_mut(&mut ty);
    ty
}
