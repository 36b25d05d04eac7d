//! Fragments of `macro_rules!`: what `$body:block` or `$ty:ty` stands for comes in a group without delimiters, which keeps it
//! together and says nothing else. Here it is opened, wherever the shape of what is in it matters.

use proc_macro2::{Delimiter, TokenTree};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Signature, Type};

/// The token inside of a fragment that is one token.
pub(crate) fn open(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token
        && group.delimiter() == Delimiter::None
    {
        let mut inside = group.stream().into_iter();
        if let (Some(only), None) = (inside.next(), inside.next()) {
            return open(only);
        }
    }
    token
}

/// The expression inside of a fragment that is all of a value.
pub(crate) fn open_expr(mut value: Expr) -> Expr {
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    value
}

/// The types of a signature, each without the groups around it.
pub(super) fn open_types(sig: &mut Signature) {
    struct Open;
    impl VisitMut for Open {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            while let Type::Group(group) = ty {
                // `&$ty` with several bounds would be read otherwise.
                if matches!(&*group.elem, Type::TraitObject(_) | Type::ImplTrait(_)) {
                    break;
                }
                *ty = (*group.elem).clone();
            }
            visit_mut::visit_type_mut(self, ty);
        }
    }
    Open.visit_signature_mut(sig);
}
