//! Pictures to VP8.

#![expect(unsafe_code, reason = "libvpx is a C library")]

use std::{mem::MaybeUninit, time::Duration};

use bytes::Bytes;
use vpx_sys as vpx;

use super::{Frame, decoder::done};
use crate::codec::{CodecError, Picture};

/// Ticks a second of the encoder's clock, the same as RTP's for video.
const CLOCK: i32 = 90_000;
/// Frames between key frames when nobody asks for one.
const KEY_FRAME_DISTANCE: u32 = 3_000;
/// libvpx's trade of time for quality: what libwebrtc takes for talk.
const SPEED: i32 = -6;
const THREADS: u32 = 1;

/// Makes frames of one size; another size is another encoder.
pub struct PictureEncoder {
    context: Box<vpx::vpx_codec_ctx_t>,
    config: vpx::vpx_codec_enc_cfg_t,
    last: i64,
}

// SAFETY: the context is owned, and libvpx keeps to no thread.
unsafe impl Send for PictureEncoder {}

impl PictureEncoder {
    pub fn new(width: u32, height: u32, bits_per_second: u32) -> Result<Self, CodecError> {
        // SAFETY: returns a pointer to a constant of the library.
        let interface = unsafe { vpx::vpx_codec_vp8_cx() };
        let mut config = MaybeUninit::<vpx::vpx_codec_enc_cfg_t>::zeroed();
        // SAFETY: the library fills the struct, and says so by its answer.
        let filled = unsafe { vpx::vpx_codec_enc_config_default(interface, config.as_mut_ptr(), 0) };
        done(filled, "be configured")?;
        // SAFETY: filled in above.
        let mut config = unsafe { config.assume_init() };
        config.g_w = width;
        config.g_h = height;
        config.g_timebase = vpx::vpx_rational { num: 1, den: CLOCK };
        config.g_threads = THREADS;
        config.g_lag_in_frames = 0;
        config.rc_end_usage = vpx::vpx_rc_mode::VPX_CBR;
        config.rc_target_bitrate = kilobits(bits_per_second);
        config.rc_dropframe_thresh = 30;
        config.rc_min_quantizer = 2;
        config.rc_max_quantizer = 56;
        config.rc_undershoot_pct = 100;
        config.rc_overshoot_pct = 15;
        config.rc_buf_initial_sz = 500;
        config.rc_buf_optimal_sz = 600;
        config.rc_buf_sz = 1_000;
        config.kf_mode = vpx::vpx_kf_mode::VPX_KF_AUTO;
        config.kf_max_dist = KEY_FRAME_DISTANCE;
        // SAFETY: a context of zeros is how C starts one; the library fills it.
        let mut context: Box<vpx::vpx_codec_ctx_t> = Box::new(unsafe { std::mem::zeroed() });
        let version = vpx::VPX_ENCODER_ABI_VERSION.cast_signed();
        // SAFETY: context and configuration live through the call; the library copies the latter.
        done(
            unsafe { vpx::vpx_codec_enc_init_ver(&raw mut *context, interface, &raw const config, 0, version) },
            "start an encoder",
        )?;
        let mut encoder = Self { context, config, last: -1 };
        encoder.control(vpx::vp8e_enc_control_id::VP8E_SET_CPUUSED, SPEED)?;
        encoder.control(vpx::vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD, 1)?;
        encoder.control(vpx::vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, 450)?;
        Ok(encoder)
    }

    /// The frame of a picture at `at` since the start, later with each call. None when the encoder left it out to keep the
    /// rate. `key`: make it one that needs none before it.
    pub fn encode(&mut self, picture: &Picture, at: Duration, key: bool) -> Result<Option<Frame>, CodecError> {
        let (width, height) = (picture.width(), picture.height());
        if (width, height) != (self.config.g_w, self.config.g_h) {
            return Err(CodecError::PastBounds);
        }
        let now = i64::try_from(at.as_micros() * 9 / 100).unwrap_or(i64::MAX - 1).max(self.last + 1);
        let lasts = if self.last < 0 { 3_000 } else { (now - self.last).cast_unsigned() };
        self.last = now;
        let flags = if key { i64::from(vpx::VPX_EFLAG_FORCE_KF) } else { 0 };
        let [luma, blue, red] = picture.planes().map(<[u8]>::as_ptr);
        // SAFETY: zeros are how C starts an image, and `wrap` only writes pointers and sizes into it.
        let mut image: vpx::vpx_image_t = unsafe { std::mem::zeroed() };
        // SAFETY: the library reads the planes during `encode` alone, and never writes to them.
        let encoded = unsafe {
            let format = vpx::vpx_img_fmt::VPX_IMG_FMT_I420;
            vpx::vpx_img_wrap(&raw mut image, format, width, height, 1, luma.cast_mut());
            let strides = picture.strides().map(|stride| i32::try_from(stride).unwrap_or_default());
            let [one, two, three, ..] = &mut image.planes;
            (*one, *two, *three) = (luma.cast_mut(), blue.cast_mut(), red.cast_mut());
            let [one, two, three, ..] = &mut image.stride;
            [*one, *two, *three] = strides;
            let deadline = vpx::VPX_DL_REALTIME.into();
            vpx::vpx_codec_encode(&raw mut *self.context, &raw const image, now, lasts, flags, deadline)
        };
        done(encoded, "encode a picture")?;
        Ok(self.take(width, height))
    }

    /// Bits per second that the frames shall need.
    pub fn set_rate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        self.config.rc_target_bitrate = kilobits(bits_per_second);
        // SAFETY: the library copies the configuration.
        let set = unsafe { vpx::vpx_codec_enc_config_set(&raw mut *self.context, &raw const self.config) };
        done(set, "change its rate")
    }

    fn take(&mut self, width: u32, height: u32) -> Option<Frame> {
        let (mut iterator, mut data, mut key) = (std::ptr::null(), Vec::new(), false);
        // SAFETY: a packet lives until the next call of the encoder; it is copied before that.
        while let Some(packet) =
            unsafe { vpx::vpx_codec_get_cx_data(&raw mut *self.context, &raw mut iterator).as_ref() }
        {
            if packet.kind == vpx::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                // SAFETY: this kind of packet has a frame in its union, of `sz` bytes at `buf`.
                let (bytes, flags) = unsafe {
                    let frame = packet.data.frame;
                    (std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz), frame.flags)
                };
                data.extend_from_slice(bytes);
                key |= flags & vpx::VPX_FRAME_IS_KEY != 0;
            }
        }
        (!data.is_empty()).then(|| Frame { data: Bytes::from(data), key, width, height })
    }

    fn control(&mut self, what: vpx::vp8e_enc_control_id, value: i32) -> Result<(), CodecError> {
        // SAFETY: these controls take one int.
        let set = unsafe { vpx::vpx_codec_control_(&raw mut *self.context, what as i32, value) };
        done(set, "be controlled")
    }
}

impl Drop for PictureEncoder {
    fn drop(&mut self) {
        // SAFETY: started in `new`.
        unsafe { vpx::vpx_codec_destroy(&raw mut *self.context) };
    }
}

fn kilobits(bits_per_second: u32) -> u32 {
    (bits_per_second / 1_000).max(20)
}
