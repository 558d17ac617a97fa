//! What WebKitGTK needs to be told about the graphics driver, before it starts.

/// NVIDIA's driver shows a blank window over DMABUF (tauri#9304): shared memory works, and no other machine is touched.
#[cfg(target_os = "linux")]
pub(crate) fn settle() {
    use std::{os::unix::process::CommandExt, path::Path, process::Command};
    const VARIABLE: &str = "WEBKIT_DMABUF_RENDERER_FORCE_SHM";
    if !Path::new("/proc/driver/nvidia/version").exists() || std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // The environment cannot be changed safely in a running process: the program starts itself again with it.
    let error = Command::new(program).args(std::env::args_os().skip(1)).env(VARIABLE, "1").exec();
    tracing::warn!(error = %error, "the program could not start itself again for this graphics driver");
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn settle() {}
