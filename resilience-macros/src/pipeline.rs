//! The stages, on one screen: the function, its stack, the rules, the expansion.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Path;

use crate::error::{self, Errors, Result, at_span};
use crate::item::{self, Body, Function};
use crate::stack::{self, Stack};
use crate::{block, expand, judge};

/// Expands all policies of a function at its first one, `name`; or those of a block.
pub(crate) fn attribute(name: &str, args: TokenStream, tokens: &TokenStream) -> TokenStream {
    if let Some(expanded) = block::attribute(name, &args, tokens) {
        return expanded;
    }
    let mut function = match Function::parse(name, tokens.clone()) {
        Ok(function) => function,
        Err(errors) => return with_item(&errors, tokens),
    };
    let imports = stack::imports(&function.attrs);
    match stages(name, args, &mut function, &imports) {
        Ok(expanded) => expanded,
        // The function stays, so that its callers have nothing to complain of; nor has the lint on unused imports.
        Err(errors) => {
            function.silence(&imports);
            with_item(&errors, &quote!(#function))
        }
    }
}

fn stages(name: &str, args: TokenStream, function: &mut Function, imports: &[Path]) -> Result<TokenStream> {
    let here = error::attribute(function.sig.fn_token.span);
    let stack = Stack::read(name, here, args, &mut function.attrs);
    match &stack {
        // Skipped, and without policies of its own.
        Ok(stack) if stack.layers.is_empty() => {
            let imports = function.use_up(imports);
            function.prepend(&imports);
            return Ok(function.to_token_stream());
        }
        Ok(stack) if stack.inherited > 0 => {
            function.way_out = "; or keep the policies of the block off it: `#[policies(skip)]`";
        }
        _ => {}
    }
    item::check(function, name)?;
    let body = Body::of(function, name)?;
    if body.is_expanded() {
        return Err(apart(name, here));
    }
    let stack = stack?;
    if let (Some(bare), false) = (&body.bare, stack.absorbs()) {
        return Err(bare.refuse(function.way_out));
    }
    judge::judge(&stack, &function.sig.ident)?;
    expand::function(function, body, &stack)
}

fn with_item(errors: &Errors, item: &TokenStream) -> TokenStream {
    let errors = errors.to_compile_error();
    quote!(#item #errors)
}

fn apart(name: &str, here: Span) -> Errors {
    let wrong = format!(
        "this `#[{name}]` was not found among the policies above it, and would end up inside of them"
    );
    let help = format!(
        "policies are collected by their names: import `resilience::{name}` without renaming it, or write \
         `#[resilience::{name}(...)]`"
    );
    at_span(here, wrong, help).into()
}
