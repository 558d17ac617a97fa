//! Packets that were sent again, turned back into what they repair before anyone counts what is missing.
//!
//! `rtc` does this behind its chain, so that its generator of NACKs would never learn of a repair.

use std::{collections::HashMap, time::Instant};

use rtc::{
    interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket},
    sansio::Protocol,
    shared::error::Error,
};

use super::Queues;

#[derive(Default)]
pub struct Repaired {
    /// By the source of the repairs: the source and payload type of the stream that they repair.
    streams: HashMap<u32, (u32, u8)>,
    queues: Queues,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Repaired {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(rtp) = &mut packet.message.packet
            && let Some((source, payload_type)) = self.streams.get(&rtp.header.ssrc)
            && let [high, low, _, ..] = *rtp.payload
        {
            rtp.header.ssrc = *source;
            rtp.header.payload_type = *payload_type;
            rtp.header.sequence_number = u16::from_be_bytes([high, low]);
            rtp.payload = rtp.payload.slice(2..);
        }
        self.queues.inward.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.queues.inward.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.queues.outward.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.queues.outward.pop_front()
    }
}

impl Interceptor for Repaired {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        if let Some(repairs) = stream.ssrc_rtx {
            self.streams.insert(repairs, (stream.ssrc, stream.payload_type));
        }
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.streams.retain(|_, (source, _)| *source != stream.ssrc);
    }
}
