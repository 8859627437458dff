//! `#[derive(Record)]`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Path, Result};

use crate::attribute::{crate_path, default_crate, refuse_generics, refuse_serde, snake_case};
use crate::policy::Policy;

/// What the struct's own attributes say.
struct Settings {
    driftline: Path,
    collection: String,
    policy: Policy,
    bucket: Option<Path>,
}

/// A field, with what its attributes say.
struct Column<'a> {
    field: &'a Field,
    name: &'a Ident,
    key: Option<&'a Attribute>,
    policy: Option<Policy>,
}

/// The record's implementation, and a constant for each field.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(input, "a record")?;
    refuse_serde(&input.attrs)?;
    let settings = Settings::of(input)?;
    let columns = named_fields(input)?.map(Column::of).collect::<Result<Vec<_>>>()?;
    let key = the_key(input, &columns)?;
    let implementation = implementation(input, &settings, key, &columns);
    let constants = columns.iter().map(|column| column.constant(&settings.driftline));
    let record = &input.ident;
    Ok(quote! {
        #[allow(dead_code)]
        impl #record {
            #(#constants)*
        }

        #implementation
    })
}

fn implementation(
    input: &DeriveInput,
    settings: &Settings,
    key: &Column<'_>,
    columns: &[Column<'_>],
) -> TokenStream {
    let Settings { driftline, collection, policy, bucket } = settings;
    let bucket = bucket.as_ref().map(|bucket| {
        quote! {
            const BUCKET: ::core::option::Option<fn(&Self) -> #driftline::record::Bucket> =
                ::core::option::Option::Some(#bucket);
        }
    });
    let (record, key_name, key_type) = (&input.ident, key.name, &key.field.ty);
    let default = policy.expression(driftline);
    let others = columns.iter().filter_map(|column| {
        let constant = column.constant_name();
        // Who writes a record writes its key, and all who do write the same.
        let policy = match column.key {
            Some(_) => quote!(#driftline::record::Policy::LastWrite),
            None => column.policy.as_ref()?.expression(driftline),
        };
        Some(quote!(.and(Self::#constant, #policy)))
    });
    quote! {
        #[automatically_derived]
        impl #driftline::record::Record for #record {
            const COLLECTION: &'static str = #collection;
            #bucket
            type Key = #key_type;

            fn key(&self) -> Self::Key {
                ::core::clone::Clone::clone(&self.#key_name)
            }

            fn policies() -> #driftline::record::Policies {
                #driftline::record::Policies::all(#default)#(#others)*
            }
        }
    }
}

fn named_fields(input: &DeriveInput) -> Result<impl Iterator<Item = &Field>> {
    if let Data::Struct(data) = &input.data
        && let Fields::Named(fields) = &data.fields
    {
        return Ok(fields.named.iter());
    }
    Err(Error::new(input.ident.span(), "a record is a struct with named fields"))
}

fn the_key<'a>(input: &DeriveInput, columns: &'a [Column<'a>]) -> Result<&'a Column<'a>> {
    let mut keys = columns.iter().filter(|column| column.key.is_some());
    let key = keys.next().ok_or_else(|| {
        let why = "a record needs a key: put `#[key]` before the field that tells one from another";
        Error::new(input.ident.span(), why)
    })?;
    match keys.next() {
        None => Ok(key),
        Some(second) => {
            let why = "a record has one key: if it takes two fields to tell records apart, make one text of both";
            Err(Error::new_spanned(second.key, why))
        }
    }
}

impl Settings {
    fn of(input: &DeriveInput) -> Result<Self> {
        let mut settings = Self {
            driftline: default_crate(),
            collection: snake_case(&input.ident),
            policy: Policy::Plain("ServerWins"),
            bucket: None,
        };
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("record"))
        {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("collection") {
                    let name: LitStr = meta.value()?.parse()?;
                    settings.collection = name.value();
                    if settings.collection.is_empty() {
                        return Err(Error::new(name.span(), "a collection needs a name"));
                    }
                } else if meta.path.is_ident("policy") {
                    settings.policy = meta.value()?.parse::<LitStr>()?.parse()?;
                } else if meta.path.is_ident("bucket") {
                    settings.bucket = Some(meta.value()?.call(Path::parse_mod_style)?);
                } else if meta.path.is_ident("crate") {
                    settings.driftline = crate_path(&meta)?;
                } else {
                    let why = "expected `collection = \"…\"`, `policy = \"…\"`, `bucket = …` or `crate = \"…\"`";
                    return Err(meta.error(why));
                }
                Ok(())
            })?;
        }
        Ok(settings)
    }
}

impl<'a> Column<'a> {
    fn of(field: &'a Field) -> Result<Self> {
        refuse_serde(&field.attrs)?;
        let name = field.ident.as_ref().expect("the field of a struct with named fields");
        let mut column = Self { field, name, key: None, policy: None };
        for attribute in &field.attrs {
            if attribute.path().is_ident("key") {
                attribute.meta.require_path_only()?;
                column.key = Some(attribute);
            } else if attribute.path().is_ident("policy") {
                let policy = attribute.parse_args()?;
                if column.policy.replace(policy).is_some() {
                    return Err(Error::new_spanned(attribute, "a field has one policy"));
                }
            }
        }
        match (column.key, &column.policy) {
            (Some(key), Some(_)) => {
                Err(Error::new_spanned(key, "a key never changes: it needs no policy"))
            }
            _ => Ok(column),
        }
    }

    fn constant(&self, driftline: &Path) -> TokenStream {
        let (constant, visible, kind) = (self.constant_name(), &self.field.vis, &self.field.ty);
        let name = self.name.unraw().to_string();
        let doc = format!("The field `{name}`.");
        quote! {
            #[doc = #doc]
            #visible const #constant: #driftline::record::Field<Self, #kind> =
                #driftline::record::Field::new(#name);
        }
    }

    fn constant_name(&self) -> Ident {
        Ident::new(&self.name.unraw().to_string().to_uppercase(), self.name.span())
    }
}
