//! VP8 to pictures.

#![expect(unsafe_code, reason = "libvpx is a C library")]

use vpx_sys as vpx;

use super::Head;
use crate::codec::{CodecError, Picture};

/// Decodes one stream. It says nothing before a key frame.
pub struct PictureDecoder {
    context: Box<vpx::vpx_codec_ctx_t>,
    started: bool,
}

// SAFETY: the context is owned, and libvpx keeps to no thread.
unsafe impl Send for PictureDecoder {}

impl PictureDecoder {
    pub fn new() -> Result<Self, CodecError> {
        let config = vpx::vpx_codec_dec_cfg { threads: 1, w: 0, h: 0 };
        let version = vpx::VPX_DECODER_ABI_VERSION.cast_signed();
        // SAFETY: a context of zeros is how C starts one; the library fills it and copies the configuration.
        let (context, started) = unsafe {
            let mut context: Box<vpx::vpx_codec_ctx_t> = Box::new(std::mem::zeroed());
            let interface = vpx::vpx_codec_vp8_dx();
            let started = vpx::vpx_codec_dec_init_ver(&raw mut *context, interface, &raw const config, 0, version);
            (context, started)
        };
        done(started, "start a decoder")?;
        Ok(Self { context, started: false })
    }

    /// None when the frame shows nothing, or when no key frame came before it.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Option<Picture>, CodecError> {
        let head = Head::read(frame).ok_or(CodecError::PastBounds)?;
        self.started |= head.is_key();
        if !self.started {
            return Ok(None);
        }
        let size = u32::try_from(frame.len()).map_err(|_| CodecError::PastBounds)?;
        // SAFETY: the library reads the frame during this call alone.
        let decoded =
            unsafe { vpx::vpx_codec_decode(&raw mut *self.context, frame.as_ptr(), size, std::ptr::null_mut(), 0) };
        if let Err(error) = done(decoded, "decode a frame") {
            self.started = false;
            return Err(error);
        }
        let mut iterator = std::ptr::null();
        // SAFETY: the image lives until the next call of the decoder; it is copied before that.
        let image = unsafe { vpx::vpx_codec_get_frame(&raw mut *self.context, &raw mut iterator).as_ref() };
        image.map(copied).transpose()
    }
}

impl Drop for PictureDecoder {
    fn drop(&mut self) {
        // SAFETY: started in `new`.
        unsafe { vpx::vpx_codec_destroy(&raw mut *self.context) };
    }
}

fn copied(image: &vpx::vpx_image_t) -> Result<Picture, CodecError> {
    let mut picture = Picture::black(image.d_w, image.d_h).ok_or(CodecError::PastBounds)?;
    let strides = picture.strides();
    for (((plane, stride), from), jump) in
        picture.planes_mut().into_iter().zip(strides).zip(image.planes).zip(image.stride)
    {
        for (number, row) in plane.chunks_exact_mut(stride).enumerate() {
            let offset = isize::try_from(number).unwrap_or_default() * isize::try_from(jump).unwrap_or_default();
            // SAFETY: libvpx has this many rows, `jump` apart, each at least as long as the picture is wide.
            let line = unsafe { std::slice::from_raw_parts(from.offset(offset), row.len()) };
            row.copy_from_slice(line);
        }
    }
    Ok(picture)
}

pub(super) fn done(answer: vpx::vpx_codec_err_t, what: &'static str) -> Result<(), CodecError> {
    if answer == vpx::vpx_codec_err_t::VPX_CODEC_OK { Ok(()) } else { Err(CodecError::Vp8(what)) }
}
