//! What both macros read and check in the same way.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, DeriveInput, Error, LitStr, Path, Result, Token, parse_quote};

/// Where an app finds Driftline that does not say so.
pub(crate) fn default_crate() -> Path {
    parse_quote!(::driftline)
}

/// The path behind `crate =`.
pub(crate) fn crate_path(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    let text: LitStr = meta.value()?.parse()?;
    text.parse_with(Path::parse_mod_style)
}

/// Every type has one layout that all devices agree on.
pub(crate) fn refuse_generics(input: &DeriveInput, what: &str) -> Result<()> {
    if input.generics.params.is_empty() {
        return Ok(());
    }
    let why = format!("{what} can't have parameters: every device must store it in the same way");
    Err(Error::new_spanned(&input.generics, why))
}

/// `CashDesk` as `cash_desk`.
pub(crate) fn snake_case(name: &Ident) -> String {
    let chars: Vec<_> = name.unraw().to_string().chars().collect();
    let mut snake = String::new();
    for (at, char) in chars.iter().enumerate() {
        let lower =
            |char: Option<&char>| char.is_some_and(|char| !char.is_uppercase() && *char != '_');
        let starts_word = lower(at.checked_sub(1).map(|at| &chars[at])) || lower(chars.get(at + 1));
        if char.is_uppercase() && starts_word && at > 0 && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// The words of serde that leave the fields' names and values as they are.
const HARMLESS: [&str; 4] = ["bound", "crate", "default", "expecting"];

/// Refuses what would have serde store a record in another way than field by field, as declared.
pub(crate) fn refuse_serde(attributes: &[Attribute]) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if let Some(word) = meta.path.get_ident().map(Ident::to_string)
                && !HARMLESS.contains(&word.as_str())
            {
                let why = format!(
                    "leave out serde's `{word}`: a record is stored field by field, each under its own name"
                );
                return Err(Error::new_spanned(&meta.path, why));
            }
            skip_value(&meta)
        })?;
    }
    Ok(())
}

/// Reads over what stands behind a word.
fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::token::Paren) {
        let inside;
        syn::parenthesized!(inside in meta.input);
        inside.parse::<proc_macro2::TokenStream>()?;
    } else if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Lit>()?;
    }
    Ok(())
}
