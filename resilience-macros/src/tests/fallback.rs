//! Where a fallback stands.

use expect_test::expect;
use quote::quote;

use super::check;

#[test]
fn a_fallback_answers_on_top_and_below_a_retry() {
    check(
        "fallback",
        quote!(async cached),
        quote! {
            #[retry(attempts = 2, repeatable)]
            #[fallback(|_| Ok(name), when = is_down)]
            async fn load(name: String) -> Reply {
                fetch(name).await
            }
        },
        &expect![[r#"
            async fn load(name: String) -> Reply {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Fallback(__POLICY_0),
                    __resilience::policy::Policy::Retry(__POLICY_1),
                    __resilience::policy::Policy::Fallback(__POLICY_2),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use fallback as _;
                #[allow(unused_imports)]
                use retry as _;
                const __POLICY_0: __resilience::policy::fallback::Fallback = __resilience::policy::fallback::Fallback {
                    answer: "async cached",
                    ..__resilience::policy::fallback::Fallback::DEFAULT
                };
                const __POLICY_1: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 2u32,
                    repeatable: true,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                const __POLICY_2: __resilience::policy::fallback::Fallback = __resilience::policy::fallback::Fallback {
                    answer: "| _ | Ok (name)",
                    when: "is_down",
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "load"),
                    __resilience::core::option::Option::Some(__resilience::core::module_path!()),
                    __here,
                    __resilience::core::file!(),
                    __resilience::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                static __RETRY_1: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                let edge = {
                    #[allow(unused_imports)]
                    use ::resilience::__private::BareResult as _;
                    ::resilience::__private::any_result::<Reply>().edge_classifying()
                };
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    'fallback_0: {
                        let outcome = {
                            let mut retry = (&__RETRY_1).start();
                            'retry: loop {
                                (&mut retry).begin();
                                let wait = {
                                    let outcome = 'fallback_2: {
                                        let outcome = {
                                            #[allow(clippy::shadow_unrelated)]
                                            let name = __resilience::again::<String>(&name);
                                            let body = __resilience::core::pin::pin!(
                                                async move { if false { return __resilience::never:: < Reply
                                                > (); } fetch(name). await }
                                            );
                                            let outcome = (&mut call).run((&edge).attempt(body)).await;
                                            outcome
                                        };
                                        let error = match (&edge)
                                            .stands(
                                                &__SITE,
                                                outcome,
                                                __resilience::core::option::Option::Some(&is_down),
                                            )
                                        {
                                            __resilience::core::result::Result::Ok(outcome) => {
                                                break 'fallback_2 outcome;
                                            }
                                            __resilience::core::result::Result::Err(error) => error,
                                        };
                                        #[allow(unused_variables, unused_mut)]
                                        let name = __resilience::again::<String>(&name);
                                        let outcome = (&edge)
                                            .answered(__resilience::answer(&edge, error, |_| Ok(name)));
                                        outcome
                                    };
                                    match (&retry)
                                        .next(
                                            (&edge)
                                                .verdict(
                                                    &outcome,
                                                    __resilience::core::option::Option::None,
                                                    __resilience::core::option::Option::None,
                                                ),
                                            __resilience::core::option::Option::None,
                                        )
                                    {
                                        __resilience::core::option::Option::Some(wait) => wait,
                                        __resilience::core::option::Option::None => break outcome,
                                    }
                                };
                                match (&mut call).run(__resilience::pause(wait)).await {
                                    __resilience::core::result::Result::Ok(value) => value,
                                    __resilience::core::result::Result::Err(rejection) => {
                                        let outcome = __resilience::core::result::Result::Err(
                                            __resilience::Stop::Rejection(rejection),
                                        );
                                        break 'retry outcome;
                                    }
                                };
                            }
                        };
                        let error = match (&edge)
                            .stands(&__SITE, outcome, __resilience::core::option::Option::None)
                        {
                            __resilience::core::result::Result::Ok(outcome) => {
                                break 'fallback_0 outcome;
                            }
                            __resilience::core::result::Result::Err(error) => error,
                        };
                        let outcome = (&mut call)
                            .run(
                                (&edge)
                                    .answering(
                                        __resilience::answer_later(
                                            &edge,
                                            error,
                                            async |error| {
                                                __resilience::awaited(cached(error)).future().await
                                            },
                                        ),
                                    ),
                            )
                            .await;
                        outcome
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
            }
        "#]],
    );
}

#[test]
fn a_function_without_a_result_has_a_fallback_on_top() {
    check(
        "fallback",
        quote!(|_| None),
        quote! {
            async fn find(id: u64) -> Option<u64> {
                Some(id)
            }
        },
        &expect![[r#"
            async fn find(id: u64) -> Option<u64> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Fallback(__POLICY_0),
                ];
                use ::resilience::__private as __resilience;
                const __POLICY_0: __resilience::policy::fallback::Fallback = __resilience::policy::fallback::Fallback {
                    answer: "| _ | None",
                    ..__resilience::policy::fallback::Fallback::DEFAULT
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    __resilience::core::concat!(__resilience::core::module_path!(), "::", "find"),
                    __resilience::core::option::Option::Some(__resilience::core::module_path!()),
                    __here,
                    __resilience::core::file!(),
                    __resilience::core::line!(),
                    __RESILIENCE_STACK,
                    &[],
                );
                const _: () = {
                    #[__resilience::linkme::distributed_slice(__resilience::RESILIENCE_SITES_0_1)]
                    #[linkme(crate = __resilience::linkme)]
                    static REGISTERED: &__resilience::Site = &__SITE;
                };
                let edge = ::resilience::__private::edge::<
                    ::resilience::__private::Bare<Option<u64>>,
                >();
                let edge = {
                    #[allow(unused_imports)]
                    use __resilience::{ClassKnown as _, ClassUnknown as _};
                    edge.class_told()
                };
                let mut call = __resilience::Call::<0usize>::new();
                (&mut call).enter();
                let outcome = {
                    'fallback: {
                        let outcome = {
                            let body = __resilience::core::pin::pin!(
                                async { if false { return __resilience::never:: < Option < u64 > >
                                (); } Some(id) }
                            );
                            let outcome = (&mut call).run((&edge).attempt(body)).await;
                            outcome
                        };
                        let error = match (&edge)
                            .stands(&__SITE, outcome, __resilience::core::option::Option::None)
                        {
                            __resilience::core::result::Result::Ok(outcome) => {
                                break 'fallback outcome;
                            }
                            __resilience::core::result::Result::Err(error) => error,
                        };
                        let outcome = (&edge).answered(__resilience::answer(&edge, error, |_| None));
                        outcome
                    }
                };
                (&mut call).leave(&outcome);
                (&edge).leave(outcome)
            }
        "#]],
    );
}
