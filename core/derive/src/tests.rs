//! What the macros say to somebody who got it wrong. That what they make works is for the tests of `driftline-core`.

use quote::quote;
use syn::parse_quote;

use crate::{attribute, command, record};

/// What the compiler says of a record with these words above it and these fields.
fn record_error(above: &str, fields: &str) -> String {
    let text = format!("{above} struct Seat {{ {fields} }}");
    let input = syn::parse_str(&text).expect("it is a struct");
    record::expand(&input).expect_err("it is wrong").to_string()
}

fn command_error(above: &str) -> String {
    let input = syn::parse_str(&format!("{above} struct BookSeat;")).expect("it is a struct");
    command::expand(&input).expect_err("it is wrong").to_string()
}

#[track_caller]
fn says(error: &str, part: &str) {
    assert!(error.contains(part), "“{error}” does not say “{part}”");
}

#[test]
fn a_record_has_one_key() {
    says(&record_error("", "number: u32"), "put `#[key]` before the field");
    says(&record_error("", "#[key] row: u32, #[key] number: u32"), "a record has one key");
    says(&record_error("", "#[key] #[policy(merge)] number: u32"), "a key never changes");
    says(&record_error("", "#[key(x)] number: u32"), "unexpected token");
}

#[test]
fn a_record_is_a_struct_that_every_device_stores_in_the_same_way() {
    let choice = parse_quote!(
        enum Seat {
            Here,
            There,
        }
    );
    let error = record::expand(&choice).expect_err("it is an enum").to_string();
    says(&error, "a record is a struct with named fields");
    let pair = parse_quote!(
        struct Seat(u32, u32);
    );
    let error = record::expand(&pair).expect_err("its fields have no names").to_string();
    says(&error, "a record is a struct with named fields");
    let generic = parse_quote!(
        struct Seat<T> {
            #[key]
            number: u32,
            holder: T,
        }
    );
    let error = record::expand(&generic).expect_err("it is generic").to_string();
    says(&error, "a record can't have parameters");
}

#[test]
fn a_policy_is_spelled_out() {
    let field =
        |policy: &str| record_error("", &format!("#[key] n: u32, #[policy{policy}] m: u32"));
    says(&field("(fist_write)"), "expected a policy: `server_wins`, `first_write`");
    says(&field("()"), "expected a policy");
    says(&field("(\"merge\")"), "expected a policy");
    says(&field("(rank)"), "`rank(Terminal > Cart)`");
    says(&field("(rank(Terminal, Cart))"), "put `>` between ranks");
    says(&field("(rank(Terminal > \"the cart\"))"), "up to 32 letters, digits and dashes");
    says(&field("(rank(Terminal > terminal))"), "the rank `terminal` stands here twice");
    says(&field("(rank(3))"), "expected a rank");
    says(&field("(custom)"), "`custom(path::to::rule)`");
    says(&field("(merge)] #[policy(merge)"), "a field has one policy");
    let above = "#[record(policy = \"rank\")]";
    says(&record_error(above, "#[key] n: u32"), "`rank(Terminal > Cart)`");
}

#[test]
fn what_serde_would_store_otherwise_is_refused() {
    let field = |serde: &str| record_error("", &format!("#[key] n: u32, #[serde({serde})] m: u32"));
    says(&field("rename = \"other\""), "leave out serde's `rename`");
    says(&field("default, flatten"), "leave out serde's `flatten`");
    says(&field("default = \"made\", skip"), "leave out serde's `skip`");
    let above = "#[serde(rename_all = \"camelCase\")]";
    says(&record_error(above, "#[key] n: u32"), "leave out serde's `rename_all`");
}

#[test]
fn words_that_mean_nothing_are_named_with_those_that_do() {
    says(&record_error("#[record(colection = \"seats\")]", ""), "expected `collection = \"…\"`");
    says(&record_error("#[record(collection = \"\")]", ""), "a collection needs a name");
    says(&command_error("#[command(named = \"x\")]"), "expected `name = \"…\"`, `version = …`");
    says(&command_error("#[command(name = \"\")]"), "1 to 64 bytes");
    says(&command_error("#[command(version = 0)]"), "versions count from 1");
    says(&command_error("#[command(version = -1)]"), "versions count from 1");
    says(&command_error("#[command(upcast = old)]"), "nothing older than version 1");
}

#[test]
fn names_are_in_snake_case_where_none_is_given() {
    let snake = |name| attribute::snake_case(&syn::parse_str(name).expect("it is a name"));
    assert_eq!(snake("Seat"), "seat");
    assert_eq!(snake("BookSeat"), "book_seat");
    assert_eq!(snake("HTTPServer2Go"), "http_server2_go");
    assert_eq!(snake("r#type"), "type");
    assert_eq!(snake("already_so"), "already_so");
    assert_eq!(snake("Mixed_Up"), "mixed_up");
}

#[test]
fn an_app_may_have_driftline_elsewhere() {
    let input = parse_quote! {
        #[record(crate = "crate::engine")]
        struct Seat { #[key] number: u32 }
    };
    let made = record::expand(&input).expect("it is sound").to_string();
    assert!(made.contains(&quote!(crate::engine::record::Record).to_string()));
    assert!(!made.contains("driftline"));
}
