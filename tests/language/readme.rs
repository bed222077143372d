//! The table of what is supported, `schemas/support.md`, is made from the same list as the notices.

use std::path::Path;

const BEGIN: &str = "<!-- supported: made by `BLESS=1 cargo test`, do not edit -->\n";
const END: &str = "<!-- /supported -->";

#[test]
fn the_table_in_readme_is_the_one_made_from_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/support.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the file has a place for the table");
    let (table, after) = rest.split_once(END).expect("the table has an end");
    let expected = compose::compose::support::table();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table, expected, "rewrite it with BLESS=1 cargo test --test language");
}
