//! `ListPrompts` and `FetchPrompt`: every clip with its length and hash; its bytes in both codecs,
//! from the beginning or from where a fetch broke off.

use dana::gateway::wire::pb::fetch_prompt_request::Codec;

use super::*;
use crate::audio::folder::bundle;

type Client = CallGatewayClient<Channel>;

async fn client() -> (Client, Replica) {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    (CallGatewayClient::new(connect(&replica).await), replica)
}

async fn list(client: &mut Client, page_size: u32) -> Vec<pb::Prompt> {
    let mut prompts = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListPromptsRequest {
            page_size,
            page_token,
        };
        let page = client
            .list_prompts(request)
            .await
            .expect("a page")
            .into_inner();
        prompts.extend(page.prompts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return prompts;
        }
    }
}

/// First chunk's hash and size, and all bytes.
async fn fetch(
    client: &mut Client,
    request: pb::FetchPromptRequest,
) -> Result<(String, u32, Vec<u8>), Status> {
    let mut chunks = client.fetch_prompt(request).await?.into_inner();
    let first = chunks.message().await?.expect("a first chunk");
    let mut bytes = first.data;
    while let Some(chunk) = chunks.message().await? {
        assert_eq!((chunk.sha256.as_str(), chunk.total_bytes), ("", 0));
        bytes.extend(chunk.data);
    }
    Ok((first.sha256, first.total_bytes, bytes))
}

fn request(id: &str, codec: Codec) -> pb::FetchPromptRequest {
    pb::FetchPromptRequest {
        id: id.to_owned(),
        locale: "ru".to_owned(),
        codec: codec.into(),
        ..pb::FetchPromptRequest::default()
    }
}

#[tokio::test]
async fn every_clip_is_listed_once_with_its_true_length_and_hash() {
    let (mut client, _replica) = client().await;
    let prompts = list(&mut client, 100).await;
    assert_eq!(prompts, list(&mut client, 0).await);
    let listed: Vec<_> = prompts
        .iter()
        .map(|p| (p.locale.as_str(), p.id.as_str()))
        .collect();
    let clips = |&locale: &Locale| {
        BUNDLE
            .catalog
            .clips(locale)
            .map(move |c| (locale.as_str(), &*c.id))
    };
    let all: Vec<_> = Locale::ALL.iter().flat_map(clips).collect();
    assert_eq!(listed, all);
    for prompt in &prompts {
        let locale: Locale = prompt.locale.parse().expect("a locale");
        let audio = BUNDLE.audio.get(locale, &prompt.id).expect("audio");
        assert_eq!(prompt.sha256, *audio.entry.sha256);
        assert_eq!(prompt.format, "L16/8000");
        let ms = audio.bytes().expect("its file").len() / 16;
        assert_eq!(usize::try_from(prompt.duration_ms), Ok(ms), "{}", prompt.id);
    }
}

#[tokio::test]
async fn a_clip_is_fetched_in_both_codecs_and_from_where_a_fetch_broke_off() {
    let (mut client, _replica) = client().await;
    let audio = BUNDLE.audio.get(Locale::Ru, "terms_visit").expect("audio");
    let samples = audio.samples().expect("its file");
    let l16: Vec<u8> = samples.iter().flat_map(|s| s.to_be_bytes()).collect();
    assert!(l16.len() > 100_000, "it takes several chunks");
    let sha256 = audio.entry.sha256.to_string();
    let total = u32::try_from(l16.len()).expect("it is small");

    let whole = fetch(&mut client, request("terms_visit", Codec::L16))
        .await
        .expect("audio");
    assert_eq!(whole, (sha256.clone(), total, l16.clone()));
    let (_, half, pcma) = fetch(&mut client, request("terms_visit", Codec::Pcma))
        .await
        .expect("audio");
    assert_eq!((half, pcma.len() * 2), (total / 2, l16.len()));

    for offset in [1, 16_385, total - 1, total] {
        let rest = pb::FetchPromptRequest {
            offset,
            sha256: sha256.clone(),
            ..request("terms_visit", Codec::L16)
        };
        let (_, told, rest) = fetch(&mut client, rest).await.expect("the rest");
        let from = usize::try_from(offset).expect("it is small");
        assert_eq!((told, rest.as_slice()), (total, &l16[from..]), "{offset}");
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_is_said_by_its_status() {
    let (mut client, _replica) = client().await;
    let other = |change: fn(&mut pb::FetchPromptRequest)| {
        let mut request = request("open", Codec::L16);
        change(&mut request);
        request
    };
    let cases = [
        (other(|r| r.id = "opne".to_owned()), Code::NotFound),
        (
            other(|r| r.id = "../../etc/passwd".to_owned()),
            Code::NotFound,
        ),
        (other(|r| r.locale = "en".to_owned()), Code::NotFound),
        (other(|r| r.codec = 77), Code::InvalidArgument),
        (other(|r| r.offset = u32::MAX), Code::OutOfRange),
        (
            other(|r| r.sha256 = "0".repeat(64)),
            Code::FailedPrecondition,
        ),
    ];
    for (request, code) in cases {
        let status = fetch(&mut client, request.clone())
            .await
            .expect_err("a status");
        assert_eq!(status.code(), code, "{request:?}");
    }
}

/// Whoever renders into the folder of a running service must not make its calls say other words.
#[tokio::test]
async fn a_clip_whose_file_changed_under_the_service_is_not_given() {
    let folder = bundle(&["open", "goodbye", "anything_else"]);
    let loaded = Bundle::load(folder.path()).expect("a bundle");
    let replica = replica_on(&loaded, &BackEnds::default(), 7, Settings::default()).await;
    let mut client = CallGatewayClient::new(connect(&replica).await);
    let audio = folder.path().join("audio/ru");
    std::fs::copy(audio.join("goodbye.wav"), audio.join("open.wav")).expect("other words");
    std::fs::remove_file(audio.join("anything_else.wav")).expect("it was there");
    for id in ["open", "anything_else"] {
        let status = fetch(&mut client, request(id, Codec::L16)).await;
        let status = status.expect_err("a status");
        assert_eq!(
            (status.code(), status.message()),
            (
                Code::NotFound,
                "this prompt's audio is not there any more: play its text by synthesis"
            ),
            "{id}"
        );
    }
    let (_, total, bytes) = fetch(&mut client, request("goodbye", Codec::L16))
        .await
        .expect("it did not change");
    assert_eq!(usize::try_from(total), Ok(bytes.len()));
}
