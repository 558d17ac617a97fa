//! What a node can give, in PipeWire's own words, and which of it suits a call.

use std::io::Cursor;

use ::pipewire::spa::{
    param::{
        ParamType,
        format::{FormatProperties, MediaSubtype, MediaType},
        video::VideoFormat,
    },
    pod::{
        CanonicalFixedSizedPod, ChoiceValue, Object, Pod, Property, Value, deserialize::PodDeserializer,
        serialize::PodSerializer,
    },
    utils::{Choice, ChoiceEnum, ChoiceFlags, Fraction, Id, Rectangle, SpaTypes},
};

use crate::{codec::picture::fits, device::pixels::Layout};

/// The largest picture that a call sends, and how many a second it wants.
const WANTED: Rectangle = Rectangle { width: 1280, height: 720 };
const RATE: Fraction = Fraction { num: 30, denom: 1 };
/// Fewer pictures a second look jerky, more are for nothing.
const ENOUGH: f64 = 24.0;
const FASTEST: f64 = 60.0;

/// A format that a node has, or that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offer {
    /// None: JPEG.
    raw: Option<VideoFormat>,
    pub width: u32,
    pub height: u32,
    rate: Fraction,
}

const LAYOUTS: [(VideoFormat, Layout); 10] = [
    (VideoFormat::I420, Layout::I420),
    (VideoFormat::NV12, Layout::Nv12),
    (VideoFormat::YUY2, Layout::Yuyv),
    (VideoFormat::UYVY, Layout::Uyvy),
    (VideoFormat::BGRx, Layout::Bgrx),
    (VideoFormat::BGRA, Layout::Bgrx),
    (VideoFormat::RGBx, Layout::Rgbx),
    (VideoFormat::RGBA, Layout::Rgbx),
    (VideoFormat::BGR, Layout::Bgr),
    (VideoFormat::RGB, Layout::Rgb),
];

impl Offer {
    pub fn layout(&self) -> Option<Layout> {
        let Some(raw) = self.raw else { return Some(Layout::Jpeg) };
        LAYOUTS.iter().find(|(format, _)| *format == raw).map(|(_, layout)| *layout)
    }

    fn speed(&self) -> f64 {
        f64::from(self.rate.num) / f64::from(self.rate.denom.max(1))
    }

    /// How well it suits a call: the larger the better.
    fn merit(&self) -> (bool, i64, bool, i64) {
        let (speed, pixels) = (self.speed(), i64::from(self.width) * i64::from(self.height));
        let wanted = i64::from(WANTED.width) * i64::from(WANTED.height);
        let fast = speed >= ENOUGH || self.rate.num == 0;
        (fast, -(wanted - pixels).abs(), self.raw.is_some(), -(speed - 30.0).abs() as i64)
    }

    /// What is asked of the node to have this.
    pub fn wish(&self) -> Vec<u8> {
        let media = match self.raw {
            Some(format) => vec![
                id(FormatProperties::MediaSubtype, MediaSubtype::Raw.as_raw()),
                id(FormatProperties::VideoFormat, format.as_raw()),
            ],
            None => vec![id(FormatProperties::MediaSubtype, MediaSubtype::Mjpg.as_raw())],
        };
        let size = Value::Rectangle(Rectangle { width: self.width, height: self.height });
        written(media, size, Value::Fraction(self.rate))
    }
}

/// The offer that suits a call best.
pub(super) fn best(offers: &[Offer]) -> Option<Offer> {
    let usable = offers.iter().filter(|offer| fits(offer.width, offer.height) && offer.layout().is_some());
    usable.max_by_key(|offer| offer.merit()).copied()
}

/// What is asked of a node that did not say what it has: anything that is understood here.
pub(super) fn anything() -> Vec<u8> {
    let ids: Vec<Id> = LAYOUTS.iter().map(|(format, _)| Id(format.as_raw())).collect();
    let formats = ChoiceEnum::Enum { default: Id(VideoFormat::BGRx.as_raw()), alternatives: ids };
    let media = vec![
        id(FormatProperties::MediaSubtype, MediaSubtype::Raw.as_raw()),
        Property::new(
            FormatProperties::VideoFormat.as_raw(),
            Value::Choice(ChoiceValue::Id(Choice(ChoiceFlags::empty(), formats))),
        ),
    ];
    let (min, max) = (Rectangle { width: 1, height: 1 }, Rectangle { width: 16_384, height: 16_384 });
    let sizes = ChoiceEnum::Range { default: WANTED, min, max };
    let rates = ChoiceEnum::Range {
        default: RATE,
        min: Fraction { num: 0, denom: 1 },
        max: Fraction { num: FASTEST as u32, denom: 1 },
    };
    written(
        media,
        Value::Choice(ChoiceValue::Rectangle(Choice(ChoiceFlags::empty(), sizes))),
        Value::Choice(ChoiceValue::Fraction(Choice(ChoiceFlags::empty(), rates))),
    )
}

/// The offers in a parameter of a node.
pub(super) fn read(parameter: &Pod) -> Vec<Offer> {
    let Ok((_, Value::Object(object))) = PodDeserializer::deserialize_any_from(parameter.as_bytes()) else {
        return Vec::new();
    };
    let find = |key: FormatProperties| {
        object.properties.iter().find(|property| property.key == key.as_raw()).map(|property| &property.value)
    };
    let ids = |key| match find(key) {
        Some(Value::Id(id)) => vec![*id],
        Some(Value::Choice(ChoiceValue::Id(Choice(_, ids)))) => listed(ids),
        _ => Vec::new(),
    };
    let is = |key, wanted: u32| ids(key) == [Id(wanted)];
    if !is(FormatProperties::MediaType, MediaType::Video.as_raw()) {
        return Vec::new();
    }
    let formats: Vec<Option<VideoFormat>> = if is(FormatProperties::MediaSubtype, MediaSubtype::Mjpg.as_raw()) {
        vec![None]
    } else {
        ids(FormatProperties::VideoFormat).into_iter().map(|id| Some(VideoFormat::from_raw(id.0))).collect()
    };
    let sizes = match find(FormatProperties::VideoSize) {
        Some(Value::Rectangle(size)) => vec![*size],
        Some(Value::Choice(ChoiceValue::Rectangle(Choice(_, sizes)))) => match sizes {
            ChoiceEnum::Range { min, max, .. } | ChoiceEnum::Step { min, max, .. } => vec![Rectangle {
                width: WANTED.width.min(max.width).max(min.width),
                height: WANTED.height.min(max.height).max(min.height),
            }],
            sizes => listed(sizes),
        },
        _ => Vec::new(),
    };
    let rates = match find(FormatProperties::VideoFramerate) {
        Some(Value::Fraction(rate)) => vec![*rate],
        Some(Value::Choice(ChoiceValue::Fraction(Choice(_, rates)))) => match rates {
            ChoiceEnum::Range { max, .. } | ChoiceEnum::Step { max, .. } => {
                let slow = u64::from(max.num) < u64::from(RATE.num) * u64::from(max.denom);
                vec![if slow { *max } else { RATE }]
            }
            rates => listed(rates),
        },
        // What is not said is as it comes.
        _ => vec![Fraction { num: 0, denom: 1 }],
    };
    let mut offers = Vec::new();
    for raw in formats {
        for size in &sizes {
            for rate in &rates {
                let offer = Offer { raw, width: size.width, height: size.height, rate: *rate };
                if offer.speed() <= FASTEST && offers.len() < MOST {
                    offers.push(offer);
                }
            }
        }
    }
    offers
}

/// No camera has as many.
pub(super) const MOST: usize = 1024;

fn listed<T: CanonicalFixedSizedPod + Copy>(choice: &ChoiceEnum<T>) -> Vec<T> {
    match choice {
        ChoiceEnum::None(only) => vec![*only],
        ChoiceEnum::Enum { default, alternatives } if alternatives.is_empty() => vec![*default],
        ChoiceEnum::Enum { alternatives, .. } => alternatives.clone(),
        ChoiceEnum::Range { default, .. } | ChoiceEnum::Step { default, .. } | ChoiceEnum::Flags { default, .. } => {
            vec![*default]
        }
    }
}

fn id(key: FormatProperties, id: u32) -> Property {
    Property::new(key.as_raw(), Value::Id(Id(id)))
}

fn written(media: Vec<Property>, size: Value, rate: Value) -> Vec<u8> {
    let mut properties = vec![id(FormatProperties::MediaType, MediaType::Video.as_raw())];
    properties.extend(media);
    properties.push(Property::new(FormatProperties::VideoSize.as_raw(), size));
    properties.push(Property::new(FormatProperties::VideoFramerate.as_raw(), rate));
    let type_ = SpaTypes::ObjectParamFormat.as_raw();
    let object = Value::Object(Object { type_, id: ParamType::EnumFormat.as_raw(), properties });
    let mut bytes = Vec::new();
    match PodSerializer::serialize(Cursor::new(&mut bytes), &object) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use ::pipewire::spa::{param::video::VideoFormat, pod::Pod, utils::Fraction};

    use super::{Offer, anything, best, read};
    use crate::device::pixels::Layout;

    fn offer(raw: Option<VideoFormat>, width: u32, height: u32, rate: u32) -> Offer {
        Offer { raw, width, height, rate: Fraction { num: rate, denom: 1 } }
    }

    #[test]
    fn a_wish_is_read_as_it_was_written() {
        for wished in [offer(Some(VideoFormat::YUY2), 640, 480, 30), offer(None, 1280, 720, 25)] {
            let bytes = wished.wish();
            assert_eq!(read(Pod::from_bytes(&bytes).unwrap()), [wished]);
        }
        let bytes = anything();
        let offers = read(Pod::from_bytes(&bytes).unwrap());
        assert_eq!(offers.len(), 10);
        let best = best(&offers).unwrap();
        assert_eq!((best.width, best.height, best.rate.num), (1280, 720, 30));
    }

    #[test]
    fn the_format_is_one_that_moves_then_one_of_the_right_size_then_one_that_costs_little() {
        let slow = offer(Some(VideoFormat::YUY2), 1280, 720, 10);
        let jpeg = offer(None, 1280, 720, 30);
        let small = offer(Some(VideoFormat::YUY2), 640, 480, 30);
        let huge = offer(None, 3840, 2160, 30);
        let raw = offer(Some(VideoFormat::NV12), 1280, 720, 30);
        assert_eq!(best(&[slow, small, huge]), Some(small));
        assert_eq!(best(&[slow, small, huge, jpeg]), Some(jpeg));
        assert_eq!(best(&[slow, small, huge, jpeg, raw]), Some(raw));
        assert_eq!(best(&[slow]), Some(slow));
        assert_eq!(best(&[offer(Some(VideoFormat::GRAY8), 640, 480, 30), offer(None, 90_000, 1, 30)]), None);
        assert_eq!(raw.layout(), Some(Layout::Nv12));
    }
}
