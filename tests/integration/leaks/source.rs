//! The messages in the source of vault-exec, so that a new one fails the test until a case provokes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Expr, ExprLit, GenericArgument, Lit, PathArguments, Token, Type};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// All of the source but its tests.
#[derive(Default)]
pub(super) struct Source {
    /// Every literal with words in it.
    pub(super) sentences: Vec<Sentence>,
    /// `file: call` that makes an error, or adds context to one, without a word in the source.
    calls: BTreeSet<String>,
    /// The types of errors, known from an earlier reading.
    errors: BTreeSet<String>,
    /// The types that a `Result` fails with.
    reasons: BTreeSet<String>,
    /// Their parts, or what the parts of an enum are called.
    types: BTreeMap<String, BTreeSet<String>>,
    enums: BTreeMap<(String, String), Vec<String>>,
    /// `Enum::Variant` for which an arm of a `match` has words.
    worded: BTreeSet<(String, String)>,
}

/// A literal with words, and its location.
pub(super) struct Sentence {
    place: String,
    pub(super) text: String,
    pattern: Pattern,
    /// Others that it is a part of.
    wholes: Vec<String>,
}

/// The text around the placeholders of a format string.
pub(super) struct Pattern(Vec<String>);

impl Source {
    pub(super) fn read() -> Self {
        // Constructors of errors are recognized by the types that the first reading finds.
        let errors = Self::read_with(BTreeSet::new()).error_types();
        let mut source = Self::read_with(errors);
        let pieces: Vec<String> = source.sentences.iter().flat_map(|sentence| sentence.pattern.0.clone()).collect();
        for sentence in &mut source.sentences {
            if let [text] = sentence.pattern.0.as_slice()
                && *text == sentence.text
            {
                let wholes = pieces.iter().filter(|piece| piece.len() > text.len() && piece.contains(text.as_str()));
                sentence.wholes = wholes.cloned().collect();
            }
        }
        source
    }

    fn read_with(errors: BTreeSet<String>) -> Self {
        let mut source = Self { errors, ..Self::default() };
        for path in files(Path::new(SRC)) {
            let file = path.strip_prefix(SRC).unwrap().to_str().unwrap().to_owned();
            let code = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            Reader { file, subject: String::new(), source: &mut source }.visit_file(&code);
        }
        source
    }

    /// The error types of all results, and the types of their fields.
    fn error_types(&self) -> BTreeSet<String> {
        let mut reasons = self.reasons.clone();
        while let Some(part) = reasons.iter().filter_map(|reason| self.types.get(reason)).flatten().find(|part| {
            !reasons.contains(*part)
                && (self.types.contains_key(*part) || self.enums.keys().any(|(_, name)| name == *part))
        }) {
            reasons.insert(part.clone());
        }
        // Not those of a library.
        reasons.retain(|name| self.types.contains_key(name) || self.enums.keys().any(|(_, own)| own == name));
        reasons
    }

    /// Where an error is made, or text put in front of one, without a word in the source: calls, and variants of error
    /// types.
    pub(super) fn wordless(&self) -> BTreeSet<String> {
        let of_reasons = self.enums.iter().filter(|((_, name), _)| self.errors.contains(name));
        let variants = of_reasons.flat_map(|((file, name), variants)| {
            let wordless = |variant: &&String| !self.worded.contains(&(name.clone(), (*variant).clone()));
            variants.iter().filter(wordless).map(move |variant| format!("{file}: {name}::{variant}"))
        });
        self.calls.iter().cloned().chain(variants).collect()
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let paths = paths.into_iter().filter(|path| !path.ends_with("tests.rs"));
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

impl Sentence {
    /// Whether a text contains it, and not only as a part of another sentence.
    pub(super) fn is_in(&self, text: &str) -> bool {
        if self.wholes.is_empty() {
            return self.pattern.is_in(text);
        }
        text.match_indices(&self.text).any(|(at, _)| {
            let is_in_whole = |whole: &String| {
                let starts =
                    whole.match_indices(&self.text).filter_map(|(inner, _)| text.get(at.checked_sub(inner)?..));
                starts.into_iter().any(|text| text.starts_with(whole))
            };
            !self.wholes.iter().any(is_in_whole)
        })
    }
}

impl Pattern {
    /// `a {b} c {{d}}` is `a `, ` c {d}`.
    pub(super) fn of(format: &str) -> Self {
        let mut pieces = vec![String::new()];
        let mut characters = format.chars().peekable();
        while let Some(character) = characters.next() {
            if matches!(character, '{' | '}') && characters.next_if_eq(&character).is_none() {
                characters.by_ref().find(|&inner| inner == '}');
                pieces.push(String::new());
            } else if let Some(piece) = pieces.last_mut() {
                piece.push(character);
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        Self(pieces)
    }

    /// Whether the pieces stand in a text, one after the other, with no end of a line in between.
    pub(super) fn is_in(&self, text: &str) -> bool {
        fn follow(text: &str, pieces: &[String]) -> bool {
            let [piece, rest @ ..] = pieces else { return true };
            let line = text.find('\n').unwrap_or(text.len());
            let mut places = text.match_indices(piece.as_str()).take_while(|(at, _)| *at <= line);
            places.any(|(at, _)| follow(&text[at + piece.len()..], rest))
        }
        let [first, rest @ ..] = self.0.as_slice() else { return false };
        text.match_indices(first.as_str()).any(|(at, _)| follow(&text[at + first.len()..], rest))
    }

    /// Words have small letters: a list of names of variables has none.
    fn has_words(&self) -> bool {
        let letters = |piece: &String| piece.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_lowercase));
        self.0.iter().any(letters) && self.0.iter().any(|piece| piece.contains(' '))
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.place, self.text)
    }
}

struct Reader<'a> {
    file: String,
    /// The type of the `impl` that is being read.
    subject: String,
    source: &'a mut Source,
}

impl Reader<'_> {
    fn literal(&mut self, text: &str, span: Span, is_format: bool) {
        let pattern = if is_format { Pattern::of(text) } else { Pattern(vec![text.to_owned()]) };
        if pattern.has_words() {
            let place = format!("src/{}:{}", self.file, span.start().line);
            self.source.sentences.push(Sentence { place, text: text.to_owned(), pattern, wholes: Vec::new() });
        }
    }

    /// Token trees that are not expressions: the definition of a macro, a pattern.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => self.visit_lit(&Lit::new(literal)),
                _ => {}
            }
        }
    }

    /// Whether a part of the source has words in it.
    fn has_words<T>(part: &T, visit: impl Fn(&mut Reader, &T)) -> bool {
        let mut source = Source::default();
        visit(&mut Reader { file: String::new(), subject: String::new(), source: &mut source }, part);
        !source.sentences.is_empty()
    }

    fn call(&mut self, call: Span) {
        let text = call.source_text().unwrap_or_default();
        self.source.calls.insert(format!("{}: {}", self.file, text.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    /// Documentation, and help, which `--help` shows as it is.
    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, block: &'a syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.subject, last(&block.self_ty).unwrap_or_default());
        visit::visit_item_impl(self, block);
        self.subject = outer;
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        let variants = item.variants.iter().map(|variant| variant.ident.to_string()).collect();
        self.source.enums.insert((self.file.clone(), item.ident.to_string()), variants);
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        let parts = item.fields.iter().filter_map(|field| last(&field.ty)).collect();
        self.source.types.insert(item.ident.to_string(), parts);
    }

    fn visit_path_segment(&mut self, segment: &'a syn::PathSegment) {
        if let (true, PathArguments::AngleBracketed(arguments)) = (segment.ident == "Result", &segment.arguments)
            && let Some(GenericArgument::Type(reason)) = arguments.args.iter().nth(1)
        {
            self.source.reasons.extend(last(reason));
        }
        visit::visit_path_segment(self, segment);
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        if Self::has_words(&arm.body, |reader, body| reader.visit_expr(body)) {
            let mut variants = Variants { subject: &self.subject, found: Vec::new() };
            variants.visit_pat(&arm.pat);
            self.source.worded.extend(variants.found);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        let path = call.func.to_token_stream().to_string().replace(' ', "").replace("Self", &self.subject);
        let path: Vec<_> = path.rsplit("::").take(2).collect();
        // A variant starts with a capital letter, and is looked at where its type is defined. `from` adds no text.
        let is_function = |name: &str| name.starts_with(|first: char| first.is_ascii_lowercase()) && name != "from";
        let makes_error = matches!(path[..], [name, ty] if is_function(name) && self.source.errors.contains(ty));
        if makes_error && !Self::has_words(call, |reader, call| visit::visit_expr_call(reader, call)) {
            self.call(call.span());
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let words = |reader: &mut Reader, call: &syn::ExprMethodCall| {
            call.args.iter().for_each(|argument| reader.visit_expr(argument));
        };
        if (call.method == "context" || call.method == "with_context") && !Self::has_words(call, words) {
            let end = call.paren_token.span.close();
            self.call(call.method.span().join(end).unwrap_or(end));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit(&mut self, literal: &'a Lit) {
        match literal {
            Lit::Str(text) => self.literal(&text.value(), text.span(), false),
            Lit::ByteStr(bytes) => self.literal(&String::from_utf8_lossy(&bytes.value()), bytes.span(), false),
            _ => {}
        }
    }

    fn visit_pat(&mut self, pattern: &'a syn::Pat) {
        // A literal there is compared, not printed.
        if !matches!(pattern, syn::Pat::Lit(_)) {
            visit::visit_pat(self, pattern);
        }
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let name = call.path.segments.last().map(|name| name.ident.to_string()).unwrap_or_default();
        // A message of the compiler, not of the program.
        if name == "compile_error" {
            return;
        }
        let Ok(arguments) = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) else {
            return self.tokens(call.tokens.clone());
        };
        let fails = matches!(name.as_str(), "anyhow" | "bail" | "ensure");
        let mut is_format = fails || matches!(name.as_str(), "format" | "format_args" | "write" | "writeln");
        for argument in &arguments {
            match argument {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if is_format => {
                    self.literal(&text.value(), text.span(), true);
                    is_format = false;
                }
                other => self.visit_expr(other),
            }
        }
        if fails && !Self::has_words(call, |reader, call| reader.tokens(call.tokens.clone())) {
            self.call(call.span());
        }
    }
}

/// The variants that a pattern names.
struct Variants<'a> {
    subject: &'a str,
    found: Vec<(String, String)>,
}

impl<'a> Visit<'a> for Variants<'_> {
    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        if let (Some(variant), Some(name)) = (names.next(), names.next()) {
            let name = if name == "Self" { self.subject.to_owned() } else { name };
            self.found.push((name, variant));
        }
    }
}

/// `Error` of `&crate::config::Error`.
fn last(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        Type::Reference(reference) => last(&reference.elem),
        _ => None,
    }
}
