//! The annotated function: its signature parsed, its body kept as tokens, so that half-typed code still expands.

pub(crate) mod fragments;
mod lend;
mod shape;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::visit_mut::{self, VisitMut};
use syn::{
    AttrStyle, Attribute, Expr, FnArg, GenericArgument, Ident, Pat, PatType, Path, PathArguments, Receiver,
    Signature, Token, Type, TypeImplTrait, Visibility,
};

use crate::error::{Errors, at, at_span, attribute};
pub(crate) use lend::rename;
pub(crate) use shape::{Body, nameable};

/// A function as it was written.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) defaultness: Option<Token![default]>,
    pub(crate) sig: Signature,
    /// The braces of the body, if there is one.
    pub(crate) block: Option<Group>,
    /// The other way out of a shape that no policy can have; empty if there is none.
    pub(crate) way_out: &'static str,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let defaultness = input.parse()?;
        let mut sig = input.parse()?;
        fragments::open_types(&mut sig);
        let block = match fragments::open(input.parse()?) {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
            _ => None,
        };
        let block = block.map(|block| take_inner(&mut attrs, block)).transpose()?;
        Ok(Self { attrs, vis, defaultness, sig, block, way_out: "" })
    }
}

/// Moves the inner attributes of a body (`#![allow(...)]`) to the function, which they are for: the body will not be the
/// first thing in its block.
fn take_inner(attrs: &mut Vec<Attribute>, block: Group) -> syn::Result<Group> {
    let parse = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse()?));
    let (inner, statements) = parse.parse2(block.stream())?;
    if inner.is_empty() {
        return Ok(block);
    }
    attrs.extend(inner.into_iter().map(|attr| Attribute { style: AttrStyle::Outer, ..attr }));
    let mut rest = Group::new(Delimiter::Brace, statements);
    rest.set_span(block.span());
    Ok(rest)
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, defaultness, sig, block, .. } = self;
        let end = block.as_ref().map_or_else(|| quote!(;), ToTokens::to_token_stream);
        tokens.extend(quote!(#(#attrs)* #vis #defaultness #sig #end));
    }
}

impl Function {
    pub(crate) fn parse(policy: &str, tokens: TokenStream) -> Result<Self, Errors> {
        let is_fn = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident == "fn");
        let before_body = |token: &TokenTree| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if tokens.clone().into_iter().take_while(before_body).any(|token| is_fn(&token)) {
            return Ok(syn::parse2(tokens)?);
        }
        let here = tokens.into_iter().next().map_or_else(Span::call_site, |token| attribute(token.span()));
        let help = "put it on each `async fn` that it is meant for";
        Err(at_span(here, format!("`#[{policy}]` goes on an `async fn`"), help).into())
    }

    /// Keeps the compiler from complaining of a function that has lost its policies to an error.
    pub(crate) fn silence(&mut self, imports: &[Path]) {
        self.attrs.push(syn::parse_quote!(#[allow(unused)]));
        let imports = self.use_up(imports);
        self.prepend(&imports);
    }

    /// Uses the imports of siblings up. All of it is at the attribute, where the error points if there is none.
    pub(crate) fn use_up<'a>(&self, imports: impl IntoIterator<Item = &'a Path>) -> TokenStream {
        let arguments = self.bindings();
        let used = imports.into_iter().filter_map(Path::get_ident).map(|import| {
            let (mut name, place) = (import.clone(), import.span());
            // An argument may bear the name, such as `timeout: Duration`, and is not meant.
            if arguments.iter().any(|argument| argument.ident == name) {
                name.set_span(Span::mixed_site().located_at(place));
            }
            // Inside of a user's macro the lint does not see that this uses the import up.
            quote_spanned!(place=> #[allow(unused_imports)] use #name as _;)
        });
        used.collect()
    }

    /// Puts items in front of the body.
    pub(crate) fn prepend(&mut self, items: &TokenStream) {
        if let Some(block) = &mut self.block {
            let statements = block.stream();
            let mut longer = Group::new(Delimiter::Brace, quote!(#items #statements));
            longer.set_span(block.span());
            *block = longer;
        }
    }

    /// Whether it is asynchronous in one of the three ways, as far as its signature tells.
    pub(crate) fn is_async(&self) -> bool {
        self.sig.asyncness.is_some() || shape::is_future(&self.sig.output)
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    /// The arguments by name, in their order.
    pub(crate) fn bindings(&self) -> Vec<Binding> {
        let mut found = Vec::new();
        for arg in &self.sig.inputs {
            if let FnArg::Typed(arg) = arg {
                collect(arg, &mut found);
            }
        }
        found
    }

    /// What it is generic over, apart from lifetimes: its type and const parameters, and each `impl Trait` of an argument.
    pub(crate) fn type_parameters(&self) -> Vec<TokenStream> {
        struct Find(Vec<TokenStream>);
        impl VisitMut for Find {
            fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
                self.0.push(ty.to_token_stream());
            }
        }
        let generics = &self.sig.generics;
        let types = generics.type_params().map(|param| param.ident.to_token_stream());
        let consts = generics.const_params().map(|param| param.ident.to_token_stream());
        let mut find = Find(types.chain(consts).collect());
        self.sig.inputs.clone().iter_mut().for_each(|input| find.visit_fn_arg_mut(input));
        find.0
    }

    /// Leaves the `mut`s on those arguments that a policy may change, or may not.
    pub(crate) fn spare_mut(&mut self, kept: impl Fn(&Ident) -> bool) {
        for arg in &mut self.sig.inputs {
            let FnArg::Typed(arg) = arg else { continue };
            let mut found = Vec::new();
            collect(arg, &mut found);
            if found.iter().any(|binding| binding.mutable.is_some() && kept(&binding.ident)) {
                arg.attrs.push(syn::parse_quote!(#[allow(unused_mut)]));
            }
        }
    }

    /// Lets the body's `self` be assigned.
    pub(crate) fn make_self_mutable(&mut self) {
        if let Some(FnArg::Receiver(receiver)) = self.sig.inputs.first_mut() {
            receiver.mutability.get_or_insert_with(|| Token![mut](Span::mixed_site()));
        }
    }

    /// Takes the `mut`s off those arguments that are bound once more inside.
    pub(crate) fn strip_mut(&mut self, bound: impl Fn(&Ident) -> bool) {
        for arg in &mut self.sig.inputs {
            if let FnArg::Typed(arg) = arg {
                let mut found = Vec::new();
                collect(arg, &mut found);
                strip(&mut arg.pat, &bound);
                if found.iter().any(|binding| bound(&binding.ident)) {
                    arg.attrs.retain(|attr| !is_about_lints(attr));
                }
            }
        }
    }
}

/// One name that the arguments bind.
pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// As it is written.
    pub(crate) mutable: Option<Token![mut]>,
    /// The type of the whole argument.
    pub(crate) ty: Type,
    /// The name is the whole argument.
    pub(crate) whole: bool,
    /// It is a reference though the argument need not be: `ref name`, or a part of what is behind one; and whether `mut`.
    borrows: Option<bool>,
    /// What holds for the argument, wherever it is bound: `#[cfg(...)]`, and what the user says of lints.
    attrs: Vec<Attribute>,
}

impl Binding {
    /// The attributes of a statement that is there where the argument is.
    pub(crate) fn condition(&self) -> TokenStream {
        let cfg = self.attrs.iter().filter(|attr| !is_about_lints(attr));
        quote!(#(#cfg)*)
    }

    /// Those of one that binds it once more.
    pub(crate) fn attrs(&self) -> TokenStream {
        let attrs = &self.attrs;
        quote!(#(#attrs)*)
    }

    pub(crate) fn shared_reference(&self) -> bool {
        match self.borrows {
            Some(mutable) => !mutable,
            None => matches!(&self.ty, Type::Reference(reference) if reference.mutability.is_none()),
        }
    }

    pub(crate) fn reference(&self) -> bool {
        self.shared_reference() || self.mutable_reference()
    }

    pub(crate) fn mutable_reference(&self) -> bool {
        match self.borrows {
            Some(mutable) => mutable,
            None => {
                self.whole && matches!(&self.ty, Type::Reference(reference) if reference.mutability.is_some())
            }
        }
    }
}

/// Every sub-pattern of a pattern that can stand in a signature.
fn parts(pat: &mut Pat) -> Vec<&mut Pat> {
    match pat {
        Pat::Ident(pat) => pat.subpat.iter_mut().map(|(_, pat)| &mut **pat).collect(),
        Pat::Tuple(pat) => pat.elems.iter_mut().collect(),
        Pat::TupleStruct(pat) => pat.elems.iter_mut().collect(),
        Pat::Slice(pat) => pat.elems.iter_mut().collect(),
        Pat::Struct(pat) => pat.fields.iter_mut().map(|field| &mut *field.pat).collect(),
        Pat::Reference(pat) => vec![&mut pat.pat],
        Pat::Paren(pat) => vec![&mut pat.pat],
        Pat::Type(pat) => vec![&mut pat.pat],
        Pat::Or(pat) => pat.cases.iter_mut().collect(),
        _ => Vec::new(),
    }
}

fn is_about_lints(attr: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|name| attr.path().is_ident(name))
}

fn collect(arg: &PatType, found: &mut Vec<Binding>) {
    let goes_along = |attr: &&Attribute| attr.path().is_ident("cfg") || is_about_lints(attr);
    let attrs: Vec<_> = arg.attrs.iter().filter(goes_along).cloned().collect();
    let mut pat = (*arg.pat).clone();
    let mut whole = true;
    let mut open = vec![(&mut pat, Matched { ty: Some(&arg.ty), borrows: None })];
    while let Some((pat, matched)) = open.pop() {
        if let Pat::Ident(name) = pat {
            let mutable = name.mutability.filter(|_| name.by_ref.is_none());
            let (ident, ty) = (name.ident.clone(), (*arg.ty).clone());
            let written = name.by_ref.is_some().then_some(name.mutability.is_some());
            let borrows = written.or(if whole { None } else { matched.is_reference() });
            // Each case of an or-pattern binds the same names.
            if found.iter().all(|other| other.ident != ident) {
                found.push(Binding { ident, mutable, ty, whole, borrows, attrs: attrs.clone() });
            }
        }
        whole = false;
        let inside = matched.inside(pat);
        let parts = parts(pat).into_iter().enumerate().map(|(at, part)| (part, inside.part(at)));
        // In their order: what is bound later is dropped earlier.
        open.extend(parts.collect::<Vec<_>>().into_iter().rev());
    }
}

/// What a pattern is matched with, as far as the signature tells.
#[derive(Clone, Copy)]
struct Matched<'a> {
    ty: Option<&'a Type>,
    /// Its parts are references, and whether to what may be changed: it is behind one.
    borrows: Option<bool>,
}

impl Matched<'_> {
    /// The same for the parts of this pattern. One that is no reference itself looks through one.
    fn inside(self, pat: &Pat) -> Self {
        match (pat, self.ty) {
            (Pat::Reference(_), Some(Type::Reference(to))) => Self { ty: Some(&to.elem), borrows: None },
            (
                Pat::Tuple(_) | Pat::TupleStruct(_) | Pat::Struct(_) | Pat::Slice(_),
                Some(Type::Reference(to)),
            ) => {
                let mutable = to.mutability.is_some() && self.borrows != Some(false);
                Self { ty: Some(&to.elem), borrows: Some(mutable) }
            }
            _ => self,
        }
    }

    fn part(self, at: usize) -> Self {
        let ty = match self.ty {
            Some(Type::Tuple(tuple)) => tuple.elems.iter().nth(at),
            Some(Type::Paren(inner)) => return Self { ty: Some(&inner.elem), ..self }.part(at),
            _ => None,
        };
        Self { ty, ..self }
    }

    /// Whether a name for it is a reference, and whether to what may be changed.
    fn is_reference(self) -> Option<bool> {
        let of_type = match self.ty {
            Some(Type::Reference(to)) => Some(to.mutability.is_some()),
            _ => None,
        };
        self.borrows.or(of_type)
    }
}

fn strip(pat: &mut Pat, bound: &impl Fn(&Ident) -> bool) {
    if let Pat::Ident(name) = pat
        && name.by_ref.is_none()
        && bound(&name.ident)
    {
        name.mutability = None;
    }
    for part in parts(pat) {
        strip(part, bound);
    }
}

/// The place of all tokens. A span of several tokens joins to its first one on stable, so an error that should
/// underline them all is made by `syn::Error::new_spanned`.
pub(crate) fn join(tokens: &impl ToTokens) -> Span {
    syn::spanned::Spanned::span(tokens)
}

/// A borrow of the expression; of each part, if it is a tuple, so that no part moves.
pub(crate) fn borrowed(expr: &Expr) -> TokenStream {
    match expr {
        Expr::Tuple(tuple) => {
            let parts = tuple.elems.iter().map(borrowed);
            quote_spanned!(join(expr)=> &(#(#parts,)*))
        }
        Expr::Paren(paren) => borrowed(&paren.expr),
        Expr::Group(group) => borrowed(&group.expr),
        // These bind less than the borrow does.
        Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) => quote_spanned!(join(expr)=> &(#expr)),
        _ => quote_spanned!(join(expr)=> &#expr),
    }
}

/// Refuses a result that is borrowed: a ledger gives it back after the call that it was borrowed from.
pub(crate) fn check_owned(returns: &Type) -> Result<(), Errors> {
    struct Find(Option<Type>);
    impl VisitMut for Find {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            match ty {
                Type::Reference(_) => self.0 = Some(ty.clone()),
                Type::FnPtr(_) => {}
                _ => visit_mut::visit_type_mut(self, ty),
            }
        }
    }
    let Type::Path(path) = returns else { return Ok(()) };
    let Some(PathArguments::AngleBracketed(args)) = path.path.segments.last().map(|last| &last.arguments)
    else {
        return Ok(());
    };
    let Some(GenericArgument::Type(value)) = args.args.first() else { return Ok(()) };
    let mut find = Find(None);
    find.visit_type_mut(&mut value.clone());
    match find.0 {
        None => Ok(()),
        Some(borrowed) => {
            let help = "return a type that owns what it holds, such as `String`; or an id, and look the rest up again";
            Err(at(borrowed, "a borrowed result cannot be kept in a ledger", help).into())
        }
    }
}

/// What a function must be, whatever its policies are.
pub(crate) fn check(function: &Function, policy: &str) -> Result<(), Errors> {
    let mut errors = Errors::default();
    let sig = &function.sig;
    if let Some(token) = &sig.constness {
        errors.push(at(
            token,
            format!("a `const fn` cannot have `#[{policy}]`"),
            "policies wait, and a constant cannot: remove `const`",
        ));
    }
    if let Some(token) = &sig.abi {
        errors.push(at(
            token,
            format!("an `extern fn` cannot have `#[{policy}]`"),
            "put the policy on an `async fn` that calls it",
        ));
    }
    if function.block.is_none() {
        let help = "put it on the method in the `impl` block, or give the trait's method a default body";
        errors.push(at(
            &sig.ident,
            format!("`#[{policy}]` needs a body to protect, and `{}` has none", sig.ident),
            help,
        ));
    }
    errors.finish(())
}
