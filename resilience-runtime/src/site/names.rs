//! What sites are called where people read it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Site, manifest, path};

/// The names of all sites of the program, made once: two that would be called alike are told apart.
static NAMES: LazyLock<HashMap<usize, &'static str>> = LazyLock::new(|| {
    let mut alike: HashMap<String, Vec<&'static Site>> = HashMap::new();
    for site in manifest() {
        alike.entry(alone(site)).or_default().push(site);
    }
    let mut names = HashMap::new();
    for (name, mut sites) in alike {
        sites.sort_by_key(|site| (site.file(), site.line()));
        for (number, site) in (1..).zip(sites) {
            let name = if number == 1 { name.clone() } else { format!("{name}#{number}") };
            names.insert(address(site), &*name.leak());
        }
    }
    names
});

fn address(site: &Site) -> usize {
    std::ptr::from_ref(site).addr()
}

/// The name of a site if there were no other one.
fn alone(site: &Site) -> String {
    let read = site.module.and_then(|module| path::display((site.path)(), module));
    read.unwrap_or_else(|| site.stored_name().to_owned())
}

/// The name for readers. That of an engine without a function is its own.
pub(super) fn display(site: &'static Site) -> &'static str {
    NAMES.get(&address(site)).copied().unwrap_or(site.stored_name())
}
