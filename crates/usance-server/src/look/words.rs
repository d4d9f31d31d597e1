//! What the pages say, in three languages: Fluent messages from `locales/`, one file a language.
//!
//! A sentence is a message, never glued together from pieces: word order, plurals and direction are the translation's
//! affair. What operators write (product names, risk notices, agreements) is shown as it was written. A message that a
//! translation lacks is said in English; a test makes sure that none does, and that no page asks for one that is nowhere.
//! How numbers and times look is not decided here but in [`crate::look::format`].

use crate::look::format::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// The messages of each language, in the order of [`Language::ALL`].
const SOURCES: [(Language, &str); 3] = [
    (Language::English, include_str!("../../locales/en/app.ftl")),
    (Language::SimplifiedChinese, include_str!("../../locales/zh-Hans/app.ftl")),
    (Language::Arabic, include_str!("../../locales/ar/app.ftl")),
];

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<Vec<(Language, Bundle)>> =
    LazyLock::new(|| SOURCES.into_iter().map(|(language, source)| (language, bundle(language, source))).collect());

/// A language's messages. A message that cannot be read is left out, which the tests find.
fn bundle(language: Language, source: &str) -> Bundle {
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(rest, _)| rest);
    let identifier: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    bundle.add_resource_overriding(resource);
    bundle
}

/// One language's words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    language: Language,
}

impl Words {
    /// The words of a language.
    #[must_use]
    pub const fn new(language: Language) -> Words {
        Words { language }
    }

    /// A message without variables. One that no language has is shown by its name.
    #[must_use]
    pub fn say(&self, id: &str) -> String {
        self.find(id, None).unwrap_or_else(|| id.to_owned())
    }

    /// Whether there is such a message.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        BUNDLES.iter().any(|(language, bundle)| *language == Language::English && bundle.has_message(id))
    }

    /// A message with texts in it.
    #[must_use]
    pub fn say_with<'a>(&self, id: &str, texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let arguments: FluentArgs<'a> = texts.into_iter().map(|(name, text)| (name, FluentValue::from(text))).collect();
        self.find(id, Some(&arguments)).unwrap_or_else(|| id.to_owned())
    }

    /// A message that depends on a count, as `$count`.
    #[must_use]
    pub fn say_count(&self, id: &str, count: u64) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", count);
        self.find(id, Some(&arguments)).unwrap_or_else(|| id.to_owned())
    }

    fn find(&self, id: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let own = BUNDLES.iter().filter(|(language, _)| *language == self.language);
        let english = BUNDLES.iter().filter(|(language, _)| *language == Language::English);
        own.chain(english).find_map(|(_, bundle)| {
            let pattern = bundle.get_message(id)?.value()?;
            // A variable that the caller did not give is shown by its name.
            Some(bundle.format_pattern(pattern, arguments, &mut Vec::new()).into_owned())
        })
    }
}
