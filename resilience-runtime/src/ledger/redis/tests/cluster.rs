//! Three nodes that share the keys.

use super::*;

struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    fn start() -> Self {
        let settings = [("cluster-enabled", "yes"), ("cluster-node-timeout", "2000")];
        let nodes: Vec<_> = (0..3).map(|_| Server::start_with(Persistence::AofAlways, &settings)).collect();
        for (node, slots) in nodes.iter().zip([("0", "5460"), ("5461", "10922"), ("10923", "16383")]) {
            node.cli(&["CLUSTER", "ADDSLOTSRANGE", slots.0, slots.1]);
            let port = nodes[0].port().to_string();
            node.cli(&["CLUSTER", "MEET", "127.0.0.1", &port]);
        }
        let start = Instant::now();
        let agreed = |node: &Server| {
            let info = node.cli(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        while !nodes.iter().all(agreed) {
            assert!(start.elapsed() < Duration::from_secs(30), "they do not find each other");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { nodes }
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}

#[tokio::test]
async fn it_conforms_on_a_cluster() {
    need!(Redis);
    let cluster = Cluster::start();
    let ledger = ledger(&cluster.url()).await;
    ledger_conformance(&ledger).await;
    let sizes: Vec<u32> =
        cluster.nodes.iter().map(|node| node.cli(&["DBSIZE"]).parse().expect("a number")).collect();
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
    let Err(error) = open(&cluster.nodes[0].url()).await else { panic!("it has a third of the keys") };
    assert!(error.to_string().contains("write redis+cluster://"), "{error}");
}

#[tokio::test]
async fn a_slot_that_moves_is_followed() {
    need!(Redis);
    let cluster = Cluster::start();
    let store = store(&cluster.url()).await;
    let op = op("moved");
    let held = granted(&store, &op, 1).await;
    let slot = cluster.nodes[0].cli(&["CLUSTER", "KEYSLOT", &name(&op)]);
    let has = |node: &Server| node.try_cli(&["EXISTS", &name(&op)]) == Ok("1".to_owned());
    let from = cluster.nodes.iter().position(has).expect("somewhere");
    let (from, to) = (&cluster.nodes[from], &cluster.nodes[(from + 1) % 3]);
    let (from_id, to_id) = (from.cli(&["CLUSTER", "MYID"]), to.cli(&["CLUSTER", "MYID"]));
    to.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let port = to.port().to_string();
    from.cli(&["MIGRATE", "127.0.0.1", &port, &name(&op), "0", "5000"]);
    // Half way: the key is there, the slot is here.
    assert!(
        matches!(store.claim(&Claim::from(&op.request(2))).await, Ok(Claimed::Running { fence, .. }) if fence == held.fence)
    );
    for node in [to, from] {
        node.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    assert_eq!(store.complete(held, &seven(), TTL).await.expect("it answers"), Written::Yes);
    assert!(has(to));
    assert_eq!(store.find("moved", 10).await.expect("it answers").len(), 1);
}

#[tokio::test]
async fn a_node_that_is_away_costs_its_keys_alone() {
    need!(Redis);
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        node.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let ledger = ledger(&format!("{}?timeout=500ms&connect_timeout=500ms", cluster.url())).await;
    let ops: Vec<_> = (0..30).map(|number| op(&format!("away {number}"))).collect();
    for op in &ops {
        let held = hold(op, 1, &ledger.claim(&op.request(1)).await);
        ledger.complete(held, seven(), TTL).await.expect("it answers");
    }
    cluster.nodes[2].kill9();
    let start = Instant::now();
    let mut kept = 0;
    for op in &ops {
        kept += usize::from(matches!(ledger.claim(&op.request(2)).await, Ok(Claimed::Done(_))));
    }
    assert!((1..30).contains(&kept), "{kept}");
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    cluster.nodes[2].start_again();
    let start = Instant::now();
    for op in &ops {
        while !matches!(ledger.claim(&op.request(2)).await, Ok(Claimed::Done(_))) {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", op.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
