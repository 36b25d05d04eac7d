//! What a function becomes, read by a person before it is accepted.
#![allow(clippy::too_many_lines, reason = "an expansion is as long as it is")]

mod arguments;
mod claims;
mod fallback;
mod values;

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

#[allow(clippy::needless_pass_by_value, reason = "`quote!` gives a value")]
pub(crate) fn check(name: &str, args: TokenStream, item: TokenStream, expected: &Expect) {
    let expanded = crate::pipeline::attribute(name, args, &item);
    let file = syn::parse2(expanded).expect("an item");
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn the_headline() {
    check(
        "idempotent",
        quote!(key = order.id),
        quote! {
            #[timeout(ms = 2_000)]
            #[retry(attempts = 3)]
            #[circuit_breaker(failure_rate = 0.5)]
            #[timeout(ms = 500)]
            async fn charge(gateway: &Gateway, order: &Order) -> Result<Receipt, PayError> {
                gateway.post(order).await
            }
        },
        &expect![[r#"
            async fn charge(gateway: &Gateway, order: &Order) -> Result<Receipt, PayError> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Idempotent(__POLICY_0),
                    __resilience::policy::Policy::Timeout(__POLICY_1),
                    __resilience::policy::Policy::Retry(__POLICY_2),
                    __resilience::policy::Policy::CircuitBreaker(__POLICY_3),
                    __resilience::policy::Policy::Timeout(__POLICY_4),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use circuit_breaker as _;
                #[allow(unused_imports)]
                use retry as _;
                #[allow(unused_imports)]
                use timeout as _;
                const __POLICY_0: __resilience::policy::idempotent::Idempotent = __resilience::policy::idempotent::Idempotent {
                    key: "order . id",
                    ..__resilience::policy::idempotent::Idempotent::DEFAULT
                };
                const __POLICY_1: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: __resilience::core::time::Duration::from_secs(2u64),
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                const __POLICY_2: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 3u32,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                const __POLICY_3: __resilience::policy::circuit_breaker::CircuitBreaker = __resilience::policy::circuit_breaker::CircuitBreaker {
                    failure_rate: 0.5f64,
                    ..__resilience::policy::circuit_breaker::CircuitBreaker::DEFAULT
                };
                const __POLICY_4: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: __resilience::core::time::Duration::from_millis(500u64),
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "charge"),
                    __resilience::core::option::Option::Some(__resilience::core::module_path!()),
                    __here,
                    __resilience::core::file!(),
                    __resilience::core::line!(),
                    __RESILIENCE_STACK,
                    &[&__BREAKER_3],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __LEDGER_0: __resilience::SiteLedger = __resilience::SiteLedger::new(
                    &__SITE,
                    &__POLICY_0,
                );
                static __TIMEOUT_1: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                static __RETRY_2: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_2,
                );
                static __BREAKER_3: __resilience::CircuitBreaker = __resilience::CircuitBreaker::of_site(
                    &__SITE,
                    __POLICY_3,
                );
                static __TIMEOUT_4: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_4,
                );
                let edge = ::resilience::__private::edge::<Result<Receipt, PayError>>();
                let codec = __resilience::codec::<Result<Receipt, PayError>>();
                let codec = {
                    #[allow(unused_imports)]
                    use __resilience::{ValuesNotCompared as _, ValuesCompared as _};
                    codec.values_compared()
                };
                let names = __resilience::Names {
                    key: {
                        let key = __resilience::Encoded::of(&order.id);
                        key
                    },
                    scope: __resilience::core::option::Option::None,
                    fingerprint: __resilience::core::option::Option::None,
                };
                let outcome = 'known: {
                    if let __resilience::core::option::Option::Some(outcome) = (&__LEDGER_0)
                        .known(&names, &codec)
                    {
                        break 'known outcome;
                    }
                    let mut call = __resilience::Call::<0usize>::new();
                    (&mut call).enter();
                    let outcome = {
                        'idempotent: {
                            let mut claim = {
                                let question = (&__LEDGER_0)
                                    .ask(
                                        &names,
                                        || __resilience::core::any::type_name_of_val(&|| ()),
                                    );
                                match (&mut call).run((&question).answer()).await {
                                    __resilience::Entry::Run(claim) => claim,
                                    __resilience::Entry::Known(record) => {
                                        break 'idempotent (&__LEDGER_0).replay(&record, &codec);
                                    }
                                    __resilience::Entry::Rejected(rejection) => {
                                        let outcome = __resilience::core::result::Result::Err(
                                            __resilience::Stop::Rejection(rejection),
                                        );
                                        break 'idempotent outcome;
                                    }
                                }
                            };
                            let operation = __resilience::core::pin::pin!(
                                async { let mut timeouts_1 = __resilience::Timeouts:: < 2usize >
                                ::new(); 'timeout_1_0 : { if let
                                __resilience::core::result::Result::Err(rejection) = (& mut
                                timeouts_1).begin(0usize, & __TIMEOUT_1) { break 'timeout_1_0
                                __resilience::core::result::Result::Err(__resilience::Stop::Rejection(rejection));
                                } let outcome = { let mut retry = (& __RETRY_2).start(); 'retry :
                                loop { (& mut retry).begin(); let wait = { let outcome = 'breaker : {
                                let mut permit = match (& __BREAKER_3).admit(& __SITE) {
                                __resilience::core::result::Result::Ok(permit) => permit,
                                __resilience::core::result::Result::Err(rejection) => { break
                                'breaker
                                __resilience::core::result::Result::Err(__resilience::Stop::Rejection(rejection));
                                } }; let outcome = 'timeout_1_1 : { if let
                                __resilience::core::result::Result::Err(rejection) = (& mut
                                timeouts_1).begin(1usize, & __TIMEOUT_4) { break 'timeout_1_1
                                __resilience::core::result::Result::Err(__resilience::Stop::Rejection(rejection));
                                } let outcome = { let body = __resilience::core::pin::pin!(async move
                                { if false { return __resilience::never:: < Result < Receipt,
                                PayError > > (); } gateway.post(order). await }); let outcome = { let
                                outcome = (& mut timeouts_1).run((& edge).attempt(body)). await; if
                                let __resilience::core::option::Option::Some(level) = (& timeouts_1)
                                .cut(2usize) { if level == 1usize { break 'timeout_1_1 outcome; }
                                break 'timeout_1_0 outcome; } outcome }; outcome }; (& mut
                                timeouts_1).end(1usize); outcome }; (& mut permit).settle((& edge)
                                .verdict(& outcome, __resilience::core::option::Option::None,
                                __resilience::core::option::Option::None)); outcome }; match (&
                                retry).next((& edge).verdict(& outcome,
                                __resilience::core::option::Option::None,
                                __resilience::core::option::Option::None),
                                __resilience::core::option::Option::None) {
                                __resilience::core::option::Option::Some(wait) => wait,
                                __resilience::core::option::Option::None => break outcome, } }; match
                                (& mut timeouts_1).run(__resilience::pause(wait)). await {
                                __resilience::core::result::Result::Ok(value) => value,
                                __resilience::core::result::Result::Err(rejection) => { let outcome =
                                __resilience::core::result::Result::Err(__resilience::Stop::Rejection(rejection));
                                if let __resilience::core::option::Option::Some(_) = (& timeouts_1)
                                .cut(1usize) { break 'timeout_1_0 outcome; } break 'retry outcome; },
                                }; } }; (& mut timeouts_1).end(0usize); outcome } }
                            );
                            let outcome = (&mut call).run((&mut claim).keep(operation)).await;
                            let outcome = (&mut call)
                                .run((&mut claim).settle(outcome, &edge, &codec))
                                .await;
                            outcome
                        }
                    };
                    (&mut call).leave(&outcome);
                    outcome
                };
                (&edge).leave(outcome)
            }
        "#]],
    );
}
