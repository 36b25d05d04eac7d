//! `#[derive(Failure)]`: what each variant of an error means.

mod class;

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Data, DataEnum, DeriveInput, Field, Fields, Ident, Type, Variant};

use crate::error::{Errors, Result, at, nearest};
use crate::item::join;
use crate::paths;
use class::{Attr, Class, EnumAttr};

pub(crate) fn derive(tokens: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(tokens) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    match expand(&input) {
        Ok(expanded) => expanded,
        Err(errors) => {
            // The impl stays, empty, so that the users of the type have nothing to complain of.
            let (name, (generics, args, bounds)) = (&input.ident, input.generics.split_for_impl());
            let errors = errors.to_compile_error();
            let from = meant_from(&input).then(|| {
                quote! {
                    impl #generics ::core::convert::From<::resilience::Error> for #name #args #bounds {
                        fn from(_: ::resilience::Error) -> Self { ::core::unreachable!() }
                    }
                }
            });
            quote! {
                #errors
                impl #generics ::resilience::Failure for #name #args #bounds {
                    fn class(&self) -> ::resilience::Class { ::core::unreachable!() }
                }
                #from
            }
        }
    }
}

/// Whether a derive with mistakes was meant to give `From<resilience::Error>`: some variant is for rejections, and
/// `thiserror` does not write it.
fn meant_from(input: &DeriveInput) -> bool {
    let Data::Enum(data) = &input.data else { return false };
    let holds = |field: &Field| {
        let ty = field.ty.to_token_stream().to_string();
        ty.contains("resilience") && ty.ends_with("Error")
    };
    let says = |attr: &Attribute| {
        let words = attr.meta.to_token_stream().to_string();
        attr.path().is_ident("failure")
            && words.split(|c: char| !c.is_alphabetic()).any(|word| nearest(word, ["policy"]).is_some())
    };
    let by_thiserror = |field: &Field| field.attrs.iter().any(|attr| attr.path().is_ident("from"));
    data.variants.iter().any(|variant| {
        let rejections = variant.attrs.iter().any(says) || variant.fields.iter().any(holds);
        rejections && !variant.fields.iter().any(by_thiserror)
    })
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        let help = "implement `resilience::Failure` by hand: its one required method is `class`";
        return Err(at(&input.ident, "`derive(Failure)` is for an enum", help).into());
    };
    let whole = EnumAttr::read(&input.attrs)?;
    let facade = paths::facade(whole.facade.as_ref());
    let means = read(data, &whole)?;
    let (name, (generics, args, bounds)) = (&input.ident, input.generics.split_for_impl());
    let class = arms(&means, |meaning| meaning.class(&facade));
    let retry_after = arms(&means, |meaning| meaning.retry_after(&facade));
    let may_have_run = arms(&means, |meaning| meaning.may_have_run(&facade));
    let rejection = arms(&means, |meaning| meaning.rejection(&facade));
    let from = means.iter().find_map(|meaning| meaning.from(input, &facade));
    let methods = quote! {
        fn class(&self) -> #facade::Class { #class }
        fn retry_after(&self) -> #facade::__private::core::option::Option<#facade::__private::core::time::Duration> { #retry_after }
        fn may_have_run(&self) -> bool { #may_have_run }
        fn rejection(&self) -> #facade::__private::core::option::Option<&#facade::Error> { #rejection }
    };
    let (keyword, methods) = at_name(name, methods);
    // One look cannot find all the types of a generic enum.
    let found = input.generics.params.is_empty().then(|| found(name, &facade));
    Ok(quote! {
        #[automatically_derived]
        #keyword #generics #facade::Failure for #name #args #bounds #methods
        #from
        #found
    })
}

/// So that the error is found behind one that does not say what it means, such as `anyhow::Error`.
fn found(name: &Ident, facade: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            use #facade::__private as __resilience;
            #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_FAILURES_0_1)]
            #[linkme(crate = __resilience::linkme)]
            static FOUND: __resilience::Look = {
                #[allow(unused_imports)] // an error has its own
                use __resilience::IsNoError as _;
                __resilience::Derived::<#name>::LOOK
            };
        };
    }
}

/// The ends of an `impl` at the enum's name, and not in the macro: messages about other impls point there.
fn at_name(name: &Ident, methods: TokenStream) -> (TokenStream, Group) {
    let mut block = Group::new(Delimiter::Brace, methods);
    block.set_span(name.span());
    (quote_spanned!(name.span()=> impl), block)
}

/// A `match` with an answer for each variant.
fn arms(means: &[Meaning<'_>], answer: impl Fn(&Meaning<'_>) -> TokenStream) -> TokenStream {
    let arms = means.iter().map(|meaning| {
        let (pattern, answer) = (meaning.pattern(), answer(meaning));
        quote!(#pattern => #answer,)
    });
    if means.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) }
}

/// What every variant says, or all that is wrong with them.
fn read<'a>(data: &'a DataEnum, whole: &EnumAttr) -> Result<Vec<Meaning<'a>>> {
    let mut errors = Errors::default();
    let mut means = Vec::new();
    let mut policy: Option<&Ident> = None;
    for variant in &data.variants {
        let Some(attr) = errors.take(Attr::read(variant, whole)) else { continue };
        let Some(meaning) = errors.take(Meaning::of(variant, attr)) else { continue };
        if matches!(meaning.attr.class, Class::Policy) {
            if let Some(first) = policy {
                let wrong = format!("`{}` is the second variant for rejections", variant.ident);
                errors.push(at(
                    &variant.ident,
                    wrong,
                    format!("they go into `{first}` already: keep one `#[failure(policy)]`"),
                ));
            }
            policy = Some(&variant.ident);
        }
        means.push(meaning);
    }
    errors.finish(means)
}

/// One variant and what it means.
struct Meaning<'a> {
    variant: &'a Variant,
    attr: Attr,
}

impl<'a> Meaning<'a> {
    fn of(variant: &'a Variant, attr: Attr) -> Result<Self> {
        let one_field = variant.fields.len() == 1;
        if matches!(attr.class, Class::Policy | Class::Transparent) && !one_field {
            let (holds, example) = match attr.class {
                Class::Policy => ("the rejection", format!("`{}(resilience::Error)`", variant.ident)),
                _ => ("an error that is a `Failure` itself", format!("`{}(reqwest::Error)`", variant.ident)),
            };
            let wrong = format!("this variant needs exactly one field, {holds}");
            return Err(at(&variant.ident, wrong, format!("write {example}")).into());
        }
        let meaning = Self { variant, attr };
        let (field, wrong, help) = match meaning.attr.class {
            Class::Policy => {
                (Some(0), "this cannot hold the rejection of a policy", "make it `resilience::Error`")
            }
            Class::Throttled => {
                let help =
                    "make it `Duration` or `Option<Duration>`, or name a method that gives one of them";
                (meaning.wait_field(), "a pause is a duration", help)
            }
            _ => (None, "", ""),
        };
        let field = field.and_then(|at| variant.fields.iter().nth(at));
        match field.filter(|field| is_plain(&field.ty)) {
            Some(field) => Err(at(&field.ty, wrong, help).into()),
            None => Ok(meaning),
        }
    }

    /// A pattern that binds the field which the answers need, as `inner`.
    fn pattern(&self) -> TokenStream {
        let name = &self.variant.ident;
        let inner = inner();
        let field = match self.attr.class {
            Class::Policy | Class::Transparent => Some(0),
            Class::Throttled => self.wait_field(),
            Class::Transient | Class::Permanent => None,
        };
        match (&self.variant.fields, field) {
            (Fields::Unit, _) => quote!(Self::#name),
            (_, None) => quote!(Self::#name { .. }),
            (fields, Some(at)) => {
                let member = fields.members().nth(at).map(ToTokens::into_token_stream);
                quote!(Self::#name { #member: #inner, .. })
            }
        }
    }

    /// The index of the field that holds the pause of a throttled failure.
    fn wait_field(&self) -> Option<usize> {
        let named = |name: &str| {
            self.variant.fields.members().position(|member| member.to_token_stream().to_string() == name)
        };
        match &self.attr.wait {
            Some(wait) => named(&wait.to_string()),
            None => named("retry_after"),
        }
    }

    fn class(&self, facade: &TokenStream) -> TokenStream {
        let class = match self.attr.class {
            Class::Transient => quote!(Transient),
            Class::Permanent => quote!(Permanent),
            Class::Throttled => quote!(Throttled),
            Class::Policy => quote!(Rejected),
            Class::Transparent => return self.delegate(facade, "class"),
        };
        quote!(#facade::Class::#class)
    }

    fn retry_after(&self, facade: &TokenStream) -> TokenStream {
        let inner = inner();
        match (&self.attr.class, &self.attr.wait) {
            (Class::Policy | Class::Transparent, _) => self.delegate(facade, "retry_after"),
            (Class::Throttled, _) if self.wait_field().is_some() => {
                let span = join(&self.variant.ident);
                quote_spanned!(span=> #facade::__private::pause_of(#facade::__private::core::clone::Clone::clone(#inner)))
            }
            (Class::Throttled, Some(method)) => quote!(#facade::__private::pause_of(self.#method())),
            _ => quote!(#facade::__private::core::option::Option::None),
        }
    }

    fn may_have_run(&self, facade: &TokenStream) -> TokenStream {
        match self.attr.class {
            Class::Policy | Class::Transparent => self.delegate(facade, "may_have_run"),
            _ => {
                let may_have_run = !self.attr.not_run;
                quote!(#may_have_run)
            }
        }
    }

    fn rejection(&self, facade: &TokenStream) -> TokenStream {
        match self.attr.class {
            Class::Policy | Class::Transparent => self.delegate(facade, "rejection"),
            _ => quote!(#facade::__private::core::option::Option::None),
        }
    }

    fn delegate(&self, facade: &TokenStream, method: &str) -> TokenStream {
        let (inner, method) = (inner(), Ident::new(method, Span::mixed_site()));
        let ty = self.variant.fields.iter().next().map(|field| &field.ty);
        quote!(<#ty as #facade::Failure>::#method(#inner))
    }

    /// `From<resilience::Error>`, unless `thiserror` writes it.
    fn from(&self, input: &DeriveInput, facade: &TokenStream) -> Option<TokenStream> {
        let field = self.variant.fields.iter().next()?;
        let written = field.attrs.iter().any(|attr| attr.path().is_ident("from"));
        if !matches!(self.attr.class, Class::Policy) || written {
            return None;
        }
        let (name, variant) = (&input.ident, &self.variant.ident);
        let member = self.variant.fields.members().next();
        let (generics, args, bounds) = input.generics.split_for_impl();
        let method = quote_spanned! {Span::mixed_site()=>
            fn from(rejection: #facade::Error) -> Self {
                Self::#variant { #member: rejection }
            }
        };
        let (keyword, method) = at_name(name, method);
        Some(quote_spanned! {Span::mixed_site()=>
            #[automatically_derived]
            #keyword #generics #facade::__private::core::convert::From<#facade::Error> for #name #args #bounds #method
        })
    }
}

/// Whether the type is visibly neither a rejection nor a duration.
fn is_plain(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "String", "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16",
        "u32", "u64", "u128", "usize",
    ];
    match ty {
        Type::Path(path) => path.path.get_ident().is_some_and(|name| PLAIN.contains(&&*name.to_string())),
        Type::Reference(_) | Type::Tuple(_) | Type::Array(_) => true,
        _ => false,
    }
}

fn inner() -> Ident {
    paths::local("inner")
}
