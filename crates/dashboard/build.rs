//! Writes the table of the files that Vite has built, each with its type, its ETag and its compressed forms.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

const BROTLI_QUALITY: u32 = 11;
/// 4 MiB: more than any file has.
const BROTLI_WINDOW: u32 = 22;

fn main() -> Result<(), Box<dyn Error>> {
    let dashboard = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../dashboard");
    let built = dashboard.join("dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A folder that is missing would count as changed in every build: the one above changes when it is made.
    if let Some(watched) = [&built, &dashboard].into_iter().find(|folder| folder.exists()) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let mut files = Vec::new();
    if built.exists() {
        collect(&built, &mut files)?;
    }
    files.sort();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let path = file.strip_prefix(&built)?.to_str().ok_or("a file's name is no text")?;
        write_entry(&mut table, &out, number, path, &fs::read(file)?)?;
    }
    table.push_str("]\n");
    fs::write(out.join("files.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn write_entry(table: &mut String, out: &Path, number: usize, path: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let (content_type, is_text) = content_type(path)?;
    let etag = Sha256::digest(bytes).iter().take(12).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    // Copies: what is built meanwhile changes nothing.
    let include = |form: &str, bytes: &[u8]| {
        let name = format!("{number}.{form}");
        fs::write(out.join(&name), bytes)?;
        std::io::Result::Ok(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))"))
    };
    let plain = include("plain", bytes)?;
    let (gzip, brotli) = if is_text {
        (format!("Some({})", include("gz", &gzip(bytes)?)?), format!("Some({})", include("br", &brotli(bytes)?)?))
    } else {
        ("None".to_owned(), "None".to_owned())
    };
    writeln!(
        table,
        "File {{ path: {:?}, content_type: {content_type:?}, etag: \"W/\\\"{etag}\\\"\", plain: {plain}, gzip: {gzip}, brotli: {brotli} }},",
        format!("/{path}")
    )?;
    Ok(())
}

/// A file's type, and whether it is worth compressing.
fn content_type(path: &str) -> Result<(&'static str, bool), String> {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    Ok(match extension {
        "html" => ("text/html; charset=utf-8", true),
        "js" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "svg" => ("image/svg+xml", true),
        "json" | "map" => ("application/json", true),
        "woff2" => ("font/woff2", false),
        "png" => ("image/png", false),
        _ => {
            return Err(format!(
                "dashboard/dist/{path}: its type is not known here: add it to crates/dashboard/build.rs"
            ));
        }
    })
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn brotli(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, BROTLI_QUALITY, BROTLI_WINDOW);
    encoder.write_all(bytes)?;
    encoder.flush()?;
    Ok(encoder.into_inner())
}
