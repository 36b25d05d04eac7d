//! A page for each rule, written by the rule itself.

use std::fs;
use std::path::{Path, PathBuf};

use resilience_policy::Rule;

fn folder() -> PathBuf {
    crate::root().join("docs/rules")
}

fn page(rule: Rule) -> String {
    let name = rule.name();
    format!(
        "<!-- Written by `cargo xtask rules` from resilience-policy/src/rules/{name}.rs. -->\n\
         # `{name}`\n\n\
         {page}\n\
         ## How to allow it\n\n\
         A function that is right all the same says why:\n\n\
         ```text\n\
         #[policies(allow({name} = \"why\"))]\n\
         ```\n",
        page = rule.page()
    )
}

/// Writes every page.
pub(crate) fn write() -> Result<(), String> {
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let folder = folder();
    fs::create_dir_all(&folder).map_err(|error| told(&folder, error))?;
    for rule in Rule::ALL {
        let path = folder.join(format!("{}.md", rule.name()));
        fs::write(&path, page(*rule)).map_err(|error| told(&path, error))?;
    }
    for path in strangers()? {
        fs::remove_file(&path).map_err(|error| told(&path, error))?;
    }
    Ok(())
}

/// Compares every page with what its rule says.
pub(crate) fn check() -> Result<(), String> {
    let mut wrong = Vec::new();
    for rule in Rule::ALL {
        let name = rule.name();
        match fs::read_to_string(folder().join(format!("{name}.md"))) {
            Ok(found) if found == page(*rule) => {}
            Ok(_) => wrong.push(format!("docs/rules/{name}.md differs from the rule's own text")),
            Err(error) => wrong.push(format!("docs/rules/{name}.md: {error}")),
        }
    }
    wrong.extend(strangers()?.iter().map(|path| format!("{} is of no rule", path.display())));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n  help: run `cargo xtask rules`", wrong.join("\n")))
}

/// Pages of rules that are gone.
fn strangers() -> Result<Vec<PathBuf>, String> {
    let folder = folder();
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let known = |path: &Path| path.file_stem().and_then(|name| name.to_str()).and_then(Rule::named).is_some();
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "md") && !known(path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_title_its_text_and_the_way_out() {
        for rule in Rule::ALL {
            let page = page(*rule);
            assert!(page.contains(&format!("# `{}`\n\n{}", rule.name(), rule.page())));
            assert!(page.contains(&format!("allow({} = ", rule.name())));
        }
    }

    #[test]
    fn the_pages_are_up_to_date() {
        if let Err(wrong) = check() {
            panic!("{wrong}");
        }
    }
}
