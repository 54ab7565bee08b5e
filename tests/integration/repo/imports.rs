//! The import graph of src: which file uses items of which other.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Path, UseTree};

use super::layers::sources;

/// A module path below the crate, such as `["vault", "http"]`; that of lib.rs is empty.
type Module = Vec<String>;

#[test]
fn no_files_import_each_other_in_a_circle() {
    let graph = Graph::read();
    assert!(graph.edges.values().map(BTreeSet::len).sum::<usize>() > 100, "imports are not found any more");
    let mut circles = Vec::new();
    for start in graph.edges.keys() {
        // The shortest way back to the start, breadth first.
        let mut ways = vec![vec![start]];
        let mut seen = BTreeSet::new();
        while let Some(way) = (!ways.is_empty()).then(|| ways.remove(0)) {
            for next in &graph.edges[way[way.len() - 1]] {
                if next == start {
                    circles.push(way.iter().map(|file| file.as_str()).collect::<Vec<_>>().join(" -> "));
                    ways.clear();
                    break;
                }
                if seen.insert(next) {
                    ways.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[derive(Default)]
struct Graph {
    files: BTreeMap<Module, String>,
    /// What the `use` declarations of a module bind: the name, and the path it stands for.
    bindings: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let mut graph = Self::default();
        let mut paths = Vec::new();
        let sources = sources().into_iter().filter(|(file, _)| file != "main.rs");
        let sources: Vec<_> = sources.map(|(file, text)| (module(&file), file, text)).collect();
        graph.files = sources.iter().map(|(module, file, _)| (module.clone(), file.clone())).collect();
        for (module, file, text) in sources {
            let mut imports =
                Imports { module: &module, files: &graph.files, paths: Vec::new(), bindings: BTreeMap::new() };
            imports.visit_file(&syn::parse_file(&text).unwrap());
            let Imports { paths: found, bindings, .. } = imports;
            graph.bindings.insert(module, bindings);
            paths.push((file, found));
        }
        for (file, found) in paths {
            let used = found.iter().filter_map(|path| graph.file(path)).filter(|used| *used != file).collect();
            graph.edges.insert(file, used);
        }
        graph
    }

    /// The file that defines the item at a path; re-exports are followed.
    fn file(&self, path: &[String]) -> Option<String> {
        let depth = (0..=path.len()).rfind(|&depth| self.files.contains_key(&path[..depth]))?;
        let target = path.get(depth).and_then(|name| self.bindings.get(&path[..depth])?.get(name));
        match target {
            Some(target) if *target != path[..=depth] => self.file(target),
            // lib.rs defines nothing that a module uses.
            _ => self.files.get(&path[..depth]).filter(|_| depth > 0).cloned(),
        }
    }
}

/// `vault/http/mod.rs` is `["vault", "http"]`.
fn module(file: &str) -> Module {
    let path = file.trim_end_matches(".rs").split('/').map(str::to_owned);
    path.filter(|name| !matches!(name.as_str(), "mod" | "lib")).collect()
}

/// The paths in a file that start in this crate, made absolute.
struct Imports<'a> {
    module: &'a [String],
    files: &'a BTreeMap<Module, String>,
    paths: Vec<Vec<String>>,
    bindings: BTreeMap<String, Vec<String>>,
}

impl Imports<'_> {
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = self.module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while let [first, others @ ..] = rest
                    && first == "super"
                {
                    base.pop();
                    rest = others;
                }
            }
            child => {
                base.push(child.to_owned());
                self.files.get(&base)?;
                base.pop();
            }
        }
        Some([base.as_slice(), rest].concat())
    }

    fn tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        let (path, binding) = match tree {
            UseTree::Path(path) => return self.tree(&with(&path.ident), &path.tree),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.tree(prefix, tree)),
            UseTree::Name(name) if name.ident == "self" => (prefix.to_vec(), prefix.last().cloned()),
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
            UseTree::Glob(_) => (prefix.to_vec(), None),
        };
        if let Some(path) = self.absolute(&path) {
            self.bindings.extend(binding.map(|binding| (binding, path.clone())));
            self.paths.push(path);
        }
    }
}

impl<'a> Visit<'a> for Imports<'_> {
    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'a Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.paths.extend(self.absolute(&names));
        }
        visit::visit_path(self, path);
    }
}
