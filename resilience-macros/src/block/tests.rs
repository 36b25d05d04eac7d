//! What a block becomes, and what its methods become then.
#![allow(clippy::too_many_lines, reason = "an expansion is as long as it is")]

use expect_test::expect;
use quote::quote;

use crate::tests::check;

#[test]
fn a_block_puts_its_policies_in_front_of_those_of_its_methods() {
    check(
        "policies",
        quote!(timeout(ms = 500), retry(repeatable = "reads only"), crate = policy),
        quote! {
            #[async_trait]
            impl<T> Fetch for Client<T>
            where
                T: Send,
            {
                type Id = u32;
                const LIMIT: u32 = 3;

                /// One.
                #[cfg(feature = "one")]
                #[instrument]
                #[timeout(ms = 100)]
                async fn one(&self) -> Result<u32, E> {
                    self.get(1).await
                }

                #[policies(skip)]
                async fn two(&self) -> u32 {
                    2
                }

                fn three(&self) -> u32 {
                    3
                }

                fn four(&self) -> Pin<Box<dyn Future<Output = Result<u32, E>> + Send + '_>> {
                    Box::pin(async move { self.get(4).await })
                }

                more! {}
            }
        },
        &expect![[r#"
            #[async_trait]
            impl<T> Fetch for Client<T>
            where
                T: Send,
            {
                type Id = u32;
                const LIMIT: u32 = 3;
                #[policy::policies(
                    impl(timeout(ms = 500), retry(repeatable = "reads only"), crate = policy)
                )]
                /// One.
                #[cfg(feature = "one")]
                #[instrument]
                #[timeout(ms = 100)]
                async fn one(&self) -> Result<u32, E> {
                    self.get(1).await
                }
                #[policy::policies(
                    impl(timeout(ms = 500), retry(repeatable = "reads only"), crate = policy)
                )]
                #[policies(skip)]
                async fn two(&self) -> u32 {
                    2
                }
                fn three(&self) -> u32 {
                    3
                }
                #[policy::policies(
                    impl(timeout(ms = 500), retry(repeatable = "reads only"), crate = policy)
                )]
                fn four(&self) -> Pin<Box<dyn Future<Output = Result<u32, E>> + Send + '_>> {
                    Box::pin(async move { self.get(4).await })
                }
                more! {}
            }
        "#]],
    );
}

#[test]
fn a_method_has_the_policies_of_its_block_outside() {
    check(
        "policies",
        quote!(impl(timeout(ms = 500), retry(attempts = 2), allow(retry_unsafe = "the callee deduplicates"))),
        quote! {
            #[instrument]
            #[policies(name = "client.one")]
            #[retry(attempts = 5)]
            async fn one(&self) -> Result<u32, E> {
                self.get(1).await
            }
        },
        &expect![[r#"
            #[instrument]
            async fn one(&self) -> Result<u32, E> {
                const __RESILIENCE_STACK: &[__resilience::policy::Policy] = &[
                    __resilience::policy::Policy::Timeout(__POLICY_0),
                    __resilience::policy::Policy::Retry(__POLICY_1),
                ];
                use ::resilience::__private as __resilience;
                #[allow(unused_imports)]
                use policies as _;
                #[allow(unused_imports)]
                use retry as _;
                const __POLICY_0: __resilience::policy::timeout::Timeout = __resilience::policy::timeout::Timeout {
                    after: __resilience::core::time::Duration::from_millis(500u64),
                    ..__resilience::policy::timeout::Timeout::DEFAULT
                };
                const __POLICY_1: __resilience::policy::retry::Retry = __resilience::policy::retry::Retry {
                    attempts: 5u32,
                    ..__resilience::policy::retry::Retry::DEFAULT
                };
                fn __here() -> &'static str {
                    __resilience::core::any::type_name_of_val(&__here)
                }
                static __SITE: __resilience::Site = __resilience::Site::new(
                    "client.one",
                    __resilience::core::option::Option::None,
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
                static __TIMEOUT_0: __resilience::Timeout = __resilience::Timeout::of_site(
                    &__SITE,
                    __POLICY_0,
                );
                static __RETRY_1: __resilience::Retry = __resilience::Retry::of_site(
                    &__SITE,
                    __POLICY_1,
                );
                let edge = ::resilience::__private::edge::<Result<u32, E>>();
                let mut call = __resilience::Call::<1usize>::new();
                (&mut call).enter();
                let outcome = {
                    'timeout_0_0: {
                        if let __resilience::core::result::Result::Err(rejection) = (&mut call
                            .timeouts)
                            .begin(0usize, &__TIMEOUT_0)
                        {
                            break 'timeout_0_0 __resilience::core::result::Result::Err(
                                __resilience::Stop::Rejection(rejection),
                            );
                        }
                        let outcome = {
                            let mut retry = (&__RETRY_1).start();
                            'retry: loop {
                                (&mut retry).begin();
                                let wait = {
                                    let outcome = {
                                        let body = __resilience::core::pin::pin!(
                                            async move { if false { return __resilience::never:: <
                                            Result < u32, E > > (); } self.get(1). await }
                                        );
                                        let outcome = {
                                            let outcome = (&mut call).run((&edge).attempt(body)).await;
                                            if let __resilience::core::option::Option::Some(_) = (&call
                                                .timeouts)
                                                .cut(1usize)
                                            {
                                                break 'timeout_0_0 outcome;
                                            }
                                            outcome
                                        };
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
                                        if let __resilience::core::option::Option::Some(_) = (&call
                                            .timeouts)
                                            .cut(1usize)
                                        {
                                            break 'timeout_0_0 outcome;
                                        }
                                        break 'retry outcome;
                                    }
                                };
                            }
                        };
                        (&mut call.timeouts).end(0usize);
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
fn a_skipped_method_stays_as_it_is() {
    check(
        "policies",
        quote!(impl(timeout(ms = 500))),
        quote! {
            #[policies(skip)]
            async fn one(&self) -> u32 {
                1
            }
        },
        &expect![[r"
            async fn one(&self) -> u32 {
                #[allow(unused_imports)]
                use policies as _;
                1
            }
        "]],
    );
}
