//! A policy as the attribute names it.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, LitStr, Path, Result, Token, parenthesized, token};

use crate::attribute::snake_case;

const EXPECTED: &str = "expected a policy: `server_wins`, `first_write`, `last_write`, `rank(Higher > Lower)`, \
                        `reject_both`, `keep_both`, `merge` or `custom(function)`";

/// The longest name of a rank, in bytes, as the roster has it.
const MAX_RANK_BYTES: usize = 32;

/// What becomes of conflicting writes.
pub(crate) enum Policy {
    /// One that is a word, as its variant is called.
    Plain(&'static str),
    /// From the highest rank to the lowest.
    Rank(Vec<String>),
    /// The app's own function.
    Custom(Path),
}

impl Policy {
    /// The expression that makes it.
    pub(crate) fn expression(&self, driftline: &Path) -> TokenStream {
        let policy = quote!(#driftline::record::Policy);
        match self {
            Self::Plain(variant) => {
                let variant = Ident::new(variant, proc_macro2::Span::call_site());
                quote!(#policy::#variant)
            }
            Self::Rank(words) => quote!(#policy::ranks([#(#words),*])),
            Self::Custom(rule) => quote!(#policy::Custom(#rule)),
        }
    }
}

impl Parse for Policy {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.parse().map_err(|error| Error::new(error.span(), EXPECTED))?;
        Ok(Self::Plain(match name.to_string().as_str() {
            "server_wins" => "ServerWins",
            "first_write" => "FirstWrite",
            "last_write" => "LastWrite",
            "reject_both" => "RejectBoth",
            "keep_both" => "KeepBoth",
            "merge" => "Merge",
            "rank" => return ranks(&name, input).map(Self::Rank),
            "custom" => return rule(&name, input).map(Self::Custom),
            _ => return Err(Error::new(name.span(), EXPECTED)),
        }))
    }
}

/// A rank as it is written: a word of the program, or a text.
struct Word(String);

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(LitStr) {
            let word: Ident = input.parse().map_err(|error| {
                Error::new(error.span(), "expected a rank: a word such as `Terminal`, or a text")
            })?;
            return Ok(Self(snake_case(&word)));
        }
        let text: LitStr = input.parse()?;
        let word = text.value();
        let plain = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
        match (1..=MAX_RANK_BYTES).contains(&word.len()) && word.chars().all(plain) {
            true => Ok(Self(word)),
            false => {
                let why = format!("a rank has up to {MAX_RANK_BYTES} letters, digits and dashes");
                Err(Error::new(text.span(), why))
            }
        }
    }
}

fn ranks(name: &Ident, input: ParseStream<'_>) -> Result<Vec<String>> {
    if !input.peek(token::Paren) {
        let why = "name the ranks, from the highest to the lowest: `rank(Terminal > Cart)`";
        return Err(Error::new(name.span(), why));
    }
    let inside;
    parenthesized!(inside in input);
    let mut words: Vec<String> = Vec::new();
    for word in Punctuated::<Word, Token![>]>::parse_separated_nonempty(&inside)? {
        if words.contains(&word.0) {
            let why = format!("the rank `{}` stands here twice", word.0);
            return Err(Error::new(name.span(), why));
        }
        words.push(word.0);
    }
    match inside.is_empty() {
        true => Ok(words),
        false => Err(inside.error("put `>` between ranks, from the highest to the lowest")),
    }
}

fn rule(name: &Ident, input: ParseStream<'_>) -> Result<Path> {
    if !input.peek(token::Paren) {
        let why = "name the function that decides: `custom(path::to::rule)`";
        return Err(Error::new(name.span(), why));
    }
    let inside;
    parenthesized!(inside in input);
    let rule = inside.call(Path::parse_mod_style)?;
    match inside.is_empty() {
        true => Ok(rule),
        false => Err(inside.error("`custom` takes one function")),
    }
}
