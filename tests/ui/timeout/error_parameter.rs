use resilience::timeout;

trait Store<E> {
    async fn load(&self) -> Result<String, E>;
}

#[timeout(ms = 500)]
async fn fetch<E, S: Store<E>>(store: &S) -> Result<String, E> {
    store.load().await
}

fn main() {}
