//! Generates what Tauri needs at build time: the context, the capabilities, the icons.
fn main() {
    tauri_build::build();
}
