//! An interceptor that is told of the streams of repairs as well: `rtc` binds only those of media, so that what is sent again
//! would go out without a number, and congestion control would not learn what became of it.

use std::time::Instant;

use rtc::{
    interceptor::{Interceptor, StreamInfo, TaggedPacket},
    sansio::Protocol,
    shared::error::Error,
};

pub struct AlsoRepairs<I>(pub I);

impl<I: Interceptor> Protocol<TaggedPacket, TaggedPacket, ()> for AlsoRepairs<I> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.0.handle_read(packet)
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.0.poll_read()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.0.handle_write(packet)
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.0.poll_write()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.0.handle_timeout(now)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

impl<I: Interceptor> Interceptor for AlsoRepairs<I> {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        self.0.bind_local_stream(stream);
        if let Some(repairs) = repairs_of(stream) {
            self.0.bind_local_stream(&repairs);
        }
    }

    fn unbind_local_stream(&mut self, stream: &StreamInfo) {
        self.0.unbind_local_stream(stream);
        if let Some(repairs) = repairs_of(stream) {
            self.0.unbind_local_stream(&repairs);
        }
    }

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        self.0.bind_remote_stream(stream);
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.0.unbind_remote_stream(stream);
    }
}

fn repairs_of(stream: &StreamInfo) -> Option<StreamInfo> {
    let (ssrc, payload_type) = (stream.ssrc_rtx?, stream.payload_type_rtx?);
    Some(StreamInfo { ssrc, payload_type, ssrc_rtx: None, payload_type_rtx: None, ..stream.clone() })
}
