//! What sites are called, and which functions have no name of their own.
#![allow(missing_docs)]

mod support;

use std::error::Error as _;

use resilience::{Error, InstallError, Kind, Runtime, idempotent, manifest, policies, timeout};
use support::events;

type Reply = Result<String, Error>;

mod shop {
    use super::{Error, Reply, timeout};

    pub(crate) struct Gateway;
    pub(crate) struct Client<T>(pub(crate) T);
    pub(crate) struct Batch<const N: usize>;

    #[timeout(ms = 500)]
    pub(crate) async fn pay() -> Reply {
        Ok(String::new())
    }

    impl Gateway {
        #[timeout(ms = 0x1f4)]
        pub(crate) async fn pay(&self) -> Reply {
            Ok(String::new())
        }
    }

    impl<T: Sync> Client<T> {
        #[timeout(ms = 500)]
        pub(crate) async fn pay(&self) -> Reply {
            Ok(String::new())
        }
    }

    impl<const N: usize> Batch<N> {
        #[timeout(ms = 500)]
        pub(crate) async fn pay(&self) -> Reply {
            Ok(String::new())
        }
    }

    pub(crate) trait Pay {
        #[timeout(after = LIMIT)]
        async fn by_default(&self) -> Reply {
            Ok(String::new())
        }

        async fn of_trait(&self) -> Reply;
    }

    const LIMIT: std::time::Duration = std::time::Duration::from_secs(1);

    impl Pay for Gateway {
        #[timeout(ms = 500)]
        async fn of_trait(&self) -> Reply {
            Ok(String::new())
        }
    }

    impl Pay for (u8, &str) {
        #[timeout(ms = 500)]
        async fn of_trait(&self) -> Reply {
            Ok(String::new())
        }
    }

    pub(crate) trait Refund {
        async fn of_trait(&self) -> Reply;
    }

    impl Refund for Gateway {
        #[timeout(ms = 500)]
        async fn of_trait(&self) -> Reply {
            Err(rejection().await)
        }
    }

    async fn rejection() -> Error {
        #[timeout(ms = 1)]
        async fn nested() -> Result<(), Error> {
            std::future::pending().await
        }
        nested().await.expect_err("late")
    }

    macro_rules! made {
        ($name:ident) => {
            #[timeout(ms = 500)]
            pub(crate) async fn $name() -> Reply {
                Ok(String::new())
            }
        };
    }
    made!(by_a_macro);

    pub(crate) mod elsewhere {
        use super::{Client, Gateway, Reply, timeout};

        impl Gateway {
            #[timeout(ms = 500)]
            pub(crate) async fn refund(&self) -> Reply {
                Ok(String::new())
            }
        }

        impl super::Pay for Client<Vec<u8>> {
            #[timeout(ms = 500)]
            async fn of_trait(&self) -> Reply {
                Ok(String::new())
            }
        }
    }
}

/// Without a call.
#[test]
fn a_site_is_called_after_module_type_and_function() {
    #[timeout(ms = 500)]
    async fn in_a_test() -> Reply {
        shop::pay().await
    }
    drop(in_a_test());
    let mut names: Vec<_> = manifest().map(resilience::Site::name).collect();
    names.retain(|name| name.starts_with("names::shop") || name.contains("in_a_test"));
    names.sort_unstable();
    let expected = [
        "names::a_site_is_called_after_module_type_and_function::in_a_test",
        "names::shop::Batch::pay",
        "names::shop::Client::pay",
        "names::shop::Gateway::of_trait",
        "names::shop::Gateway::of_trait#2", // of another trait
        "names::shop::Gateway::pay",
        "names::shop::Pay::by_default",
        "names::shop::by_a_macro",
        "names::shop::elsewhere::Client::of_trait",
        "names::shop::elsewhere::Gateway::refund",
        "names::shop::of_trait", // of a type without a name
        "names::shop::pay",
        "names::shop::rejection::nested",
    ];
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn rejections_and_events_say_it_too() {
    use shop::{Pay, Refund};
    events::record();
    let error = Refund::of_trait(&shop::Gateway).await.expect_err("late");
    assert_eq!(error.site(), "names::shop::rejection::nested");
    for reply in [
        shop::Gateway.pay().await,
        shop::Client(1).pay().await,
        shop::Batch::<1>.pay().await,
        shop::Gateway.by_default().await,
        Pay::of_trait(&shop::Gateway).await,
        Pay::of_trait(&(1, "")).await,
        shop::by_a_macro().await,
        shop::Gateway.refund().await,
        Pay::of_trait(&shop::Client(vec![1])).await,
    ] {
        assert!(reply.is_ok());
    }
}

/// What is stored by its name does not depend on how a compiler prints a type.
#[test]
fn a_stored_name_has_no_type() {
    let stored = |name| manifest().find(|site| site.name() == name).expect("a site").stored_name();
    assert_eq!(stored("names::shop::Client::pay"), "names::shop::pay");
    assert_eq!(stored("names::shop::elsewhere::Client::of_trait"), "names::shop::elsewhere::of_trait");
}

struct Ledger<T>(T);
struct Ring<const N: usize>;

trait Currency {
    const NAME: &'static str;
}
impl Currency for u8 {
    const NAME: &'static str = "u8";
}
impl Currency for u16 {
    const NAME: &'static str = "u16";
}

impl<T: Currency + Sync> Ledger<T> {
    #[policies(name = "ledger.unscoped")]
    #[idempotent(key = 22)]
    async fn unscoped(&self) -> Reply {
        Ok(T::NAME.to_owned())
    }

    #[policies(name = "ledger.scoped")]
    #[idempotent(key = 22, scope = T::NAME)]
    async fn scoped(&self) -> Reply {
        Ok(T::NAME.to_owned())
    }

    #[policies(name = "ledger.one")]
    #[idempotent(key = 22, scope = _)]
    async fn one(&self) -> Reply {
        Ok(T::NAME.to_owned())
    }
}

impl<const N: usize> Ring<N> {
    #[policies(name = "ring.turn")]
    #[idempotent(key = 22)]
    async fn turn(&self) -> Reply {
        Ok(N.to_string())
    }
}

const SEVEN: usize = 7;

impl Ring<SEVEN> {
    #[policies(name = "ring.seven")]
    #[idempotent(key = 22)]
    async fn seven(&self) -> Reply {
        Ok(SEVEN.to_string())
    }
}

#[idempotent(key = 22, scope = T::NAME)]
async fn generic<T: Currency>() -> Reply {
    Ok(T::NAME.to_owned())
}

#[idempotent(key = 22, scope = _)]
async fn of_all(what: impl ToString) -> Reply {
    Ok(what.to_string())
}

fn alone() -> Runtime {
    Runtime::builder().memory().build()
}

#[tokio::test]
async fn a_scope_tells_the_types_apart() {
    let runtime = alone();
    let all = async {
        let scoped = [Ledger(1u8).scoped().await?, Ledger(1u16).scoped().await?];
        let generic = [generic::<u8>().await?, generic::<u16>().await?];
        let of_all =
            [of_all(1).await?, of_all("another").await?, Ledger(1u8).one().await?, Ledger(1u16).one().await?];
        Ok::<_, Error>((scoped, generic, of_all))
    };
    let (scoped, generic, of_all) = runtime.scope(all).await.expect("they run");
    assert_eq!(scoped, ["u8", "u16"]);
    assert_eq!(generic, ["u8", "u16"]);
    assert_eq!(of_all, ["1", "1", "u8", "u8"], "`_` says that all types are one operation");
}

fn is_refused(reply: Reply) -> String {
    let error = reply.expect_err("closed");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::NameClash, false));
    assert!(error.source().is_none(), "the error says all of it");
    let text = error.to_string();
    let text = text.strip_prefix(&format!("{}: ", error.site())).expect("whose it is");
    text.strip_suffix(" (it did not run)").expect("what became of it").to_owned()
}

/// By its first call, and so in every process.
#[tokio::test]
async fn a_generic_impl_without_a_scope_does_not_run() {
    events::record();
    let runtime = alone();
    for _ in 0..2 {
        let why = is_refused(runtime.scope(Ledger(1u8).unscoped()).await);
        assert!(why.starts_with("`ledger.unscoped` (tests/names.rs:"), "{why}");
        assert!(why.contains("scope = ...") && why.contains("scope = _"), "{why}");
    }
    let told = events::take();
    assert_eq!(told, ["name_clash", "rejected NameClash", "rejected NameClash"], "the clash itself once");
}

/// A const parameter and a constant are printed alike: by its first call, too.
#[tokio::test]
async fn a_const_generic_impl_without_a_scope_does_not_run() {
    let runtime = alone();
    for _ in 0..2 {
        let why = is_refused(runtime.scope(Ring::<3>.turn()).await);
        assert!(why.starts_with("`ring.turn` (tests/names.rs:"), "{why}");
        assert_eq!(runtime.scope(Ring::<7>.seven()).await.expect("it has no parameter"), "7");
    }
}

trait Charge: Sized {
    const NAME: &'static str;

    #[idempotent(key = 22)]
    async fn with_a_size(&self) -> Reply {
        Ok(Self::NAME.to_owned())
    }

    #[idempotent(key = 22)]
    async fn without_self() -> Reply {
        Ok(Self::NAME.to_owned())
    }

    #[idempotent(key = 22, scope = Self::NAME)]
    async fn in_a_scope(&self) -> Reply {
        Ok(Self::NAME.to_owned())
    }

    #[idempotent(key = 22)]
    async fn overridden(&self) -> Reply {
        Ok(Self::NAME.to_owned())
    }
}

impl Charge for u8 {
    const NAME: &'static str = "u8";

    #[idempotent(key = 23)]
    #[policies(name = "of u8")]
    async fn overridden(&self) -> Reply {
        Ok("its own".to_owned())
    }
}

impl Charge for u16 {
    const NAME: &'static str = "u16";
}

#[async_trait::async_trait]
trait Boxed: Sized + Sync {
    #[idempotent(key = 22)]
    async fn boxed(&self) -> Reply {
        Ok(String::new())
    }
}

#[async_trait::async_trait]
impl Boxed for u8 {}

#[tokio::test]
async fn a_default_method_without_a_scope_does_not_run() {
    let runtime = alone();
    for reply in [
        runtime.scope(1u8.with_a_size()).await,
        runtime.scope(1u16.with_a_size()).await,
        runtime.scope(u8::without_self()).await,
        runtime.scope(1u16.overridden()).await,
        runtime.scope(1u8.boxed()).await,
    ] {
        let why = is_refused(reply);
        assert!(why.contains("a default method of a trait"), "{why}");
    }
    let all = async {
        Ok::<_, Error>([1u8.in_a_scope().await?, 1u16.in_a_scope().await?, 1u8.overridden().await?])
    };
    assert_eq!(runtime.scope(all).await.expect("they run"), ["u8", "u16", "its own"]);
}

trait Area {
    async fn area(&self) -> Reply;
    async fn round(&self) -> Reply;
}

struct Frame<'a, T>(&'a T);

impl Area for Frame<'_, <Vec<u8> as IntoIterator>::Item> {
    #[idempotent(key = 1)]
    async fn area(&self) -> Reply {
        Ok(self.0.to_string())
    }

    #[idempotent(key = 1)]
    async fn round(&self) -> Reply {
        Ok(self.0.to_string())
    }
}

impl<T: Sync> Frame<'_, T> {
    async fn nested(&self) -> Reply {
        #[idempotent(key = 1)]
        async fn inside() -> Reply {
            Ok("nested".to_owned())
        }
        inside().await
    }
}

const _: () = {
    impl Frame<'_, String> {
        #[idempotent(key = 1)]
        async fn in_a_constant(&self) -> Reply {
            Ok(self.0.clone())
        }
    }
};

impl Area for [u8; SEVEN] {
    #[idempotent(key = 2)]
    #[policies(name = "names.area of seven")]
    async fn area(&self) -> Reply {
        Ok(self.len().to_string())
    }

    #[idempotent(key = 2)]
    #[policies(name = "names.round of seven")]
    async fn round(&self) -> Reply {
        Ok(self.len().to_string())
    }
}

/// Lifetimes, associated types, constants, and what is only near to something generic.
#[tokio::test]
async fn what_has_no_parameters_needs_no_scope() {
    let runtime = alone();
    let all = async {
        let text = "text".to_owned();
        let (frame, seven) = (Frame(&1u8), [0u8; 7]);
        let areas = [frame.area().await?, frame.round().await?, seven.area().await?, seven.round().await?];
        Ok::<_, Error>((areas, frame.nested().await?, Frame(&text).in_a_constant().await?))
    };
    let (areas, nested, constant) = runtime.scope(all).await.expect("they run");
    assert_eq!(areas, ["1", "1", "7", "7"]);
    assert_eq!([nested, constant], ["nested", "text"]);
}

struct One;
struct Two;

impl One {
    #[idempotent(key = 1)]
    async fn pay(&self) -> Reply {
        Ok("one".to_owned())
    }
}

impl Two {
    #[idempotent(key = 1)]
    async fn pay(&self) -> Reply {
        Ok("two".to_owned())
    }
}

#[tokio::test]
async fn two_methods_of_one_name_do_not_run() {
    events::record();
    let runtime = alone();
    let [one, two] = [runtime.scope(One.pay()).await, runtime.scope(Two.pay()).await].map(is_refused);
    assert_eq!(one, two);
    let [first, second] = ["names::One::pay", "names::Two::pay"]
        .map(|name| manifest().find(|site| site.name() == name).expect("a site").line());
    let expected = format!(
        "two `#[idempotent]` functions are called `names::pay`: tests/names.rs:{first} and tests/names.rs:{second}; \
         give one `#[policies(name = \"...\")]`"
    );
    assert_eq!(one, expected);
    let told = events::take();
    assert_eq!(told.iter().filter(|event| *event == "name_clash").count(), 2, "once for each: {told:?}");
}

/// The first that it finds.
#[test]
fn the_set_up_refuses_a_clash() {
    let Err(InstallError::NameClash(clash)) = alone().install() else { panic!("it is installed") };
    let clash = clash.to_string();
    assert!(clash.contains("`names::pay`") || clash.contains("`ledger.unscoped`"), "{clash}");
}
