//! `#[derive(Command)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitInt, LitStr, Path, Result, Type, parse_quote};

use crate::attribute::{crate_path, default_crate, refuse_generics, snake_case};

/// The longest name of a command, in bytes, as the engine has it.
const MAX_NAME_BYTES: usize = 64;

/// What the names of the engine's own commands begin with.
const OWN: &str = "driftline/";

/// What the type's attributes say.
struct Settings {
    driftline: Path,
    name: String,
    version: u32,
    output: Type,
    refusal: Type,
    upcast: Option<Path>,
}

/// The command's implementation.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(input, "a command")?;
    let Settings { driftline, name, version, output, refusal, upcast } = Settings::of(input)?;
    let command = &input.ident;
    let value = quote!(#driftline::record::Value);
    let upcast = upcast.map(|upcast| {
        quote! {
            fn upcast(from: u32, fields: #value) -> ::core::option::Option<#value> {
                #upcast(from, fields)
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #driftline::command::Command for #command {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            type Output = #output;
            type Refusal = #refusal;
            #upcast
        }
    })
}

impl Settings {
    fn of(input: &DeriveInput) -> Result<Self> {
        let mut settings = Self {
            driftline: default_crate(),
            name: snake_case(&input.ident),
            version: 1,
            output: parse_quote!(()),
            refusal: parse_quote!(()),
            upcast: None,
        };
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("command"))
        {
            attribute.parse_nested_meta(|meta| settings.read(&meta))?;
        }
        match &settings.upcast {
            Some(upcast) if settings.version == 1 => {
                let why = "there is nothing older than version 1 to be upcast: say `version = 2`";
                Err(Error::new_spanned(upcast, why))
            }
            _ => Ok(settings),
        }
    }

    fn read(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            self.name = name(&meta.value()?.parse()?)?;
        } else if meta.path.is_ident("version") {
            self.version = version(&meta.value()?.parse()?)?;
        } else if meta.path.is_ident("output") {
            self.output = meta.value()?.parse()?;
        } else if meta.path.is_ident("refusal") {
            self.refusal = meta.value()?.parse()?;
        } else if meta.path.is_ident("upcast") {
            self.upcast = Some(meta.value()?.call(Path::parse_mod_style)?);
        } else if meta.path.is_ident("crate") {
            self.driftline = crate_path(meta)?;
        } else {
            let why = "expected `name = \"…\"`, `version = …`, `output = …`, `refusal = …`, `upcast = …` or \
                       `crate = \"…\"`";
            return Err(meta.error(why));
        }
        Ok(())
    }
}

fn name(text: &LitStr) -> Result<String> {
    let name = text.value();
    let why = if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
        format!("a command's name has 1 to {MAX_NAME_BYTES} bytes")
    } else if name.starts_with(OWN) {
        format!("names that begin with `{OWN}` are the engine's own")
    } else {
        return Ok(name);
    };
    Err(Error::new(text.span(), why))
}

fn version(number: &LitInt) -> Result<u32> {
    match number.base10_parse() {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(Error::new(number.span(), "versions count from 1")),
    }
}
