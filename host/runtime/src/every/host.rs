//! The imports of a version: every function counts itself, then forwards to the guest's state, one for all versions.

use wasmtime::{Result, component::Resource};

use super::imports::{blob, clock, folder, http, log, settings, state, types};
use crate::{
    guest::{GuestState, Held},
    host_calls::{BlobResponse, HttpError},
};

impl types::Host for GuestState {}

impl http::Host for GuestState {
    async fn send(&mut self, endpoint: String, request: http::Request) -> Result<Result<http::Response, http::Error>> {
        self.count_call()?;
        Ok(self.http_send(endpoint, request.into()).await.map(Into::into).map_err(Into::into))
    }
}

impl settings::Host for GuestState {
    async fn get(&mut self) -> Result<String> {
        self.count_call()?;
        Ok(self.host.settings())
    }
}

impl state::Host for GuestState {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        self.count_call()?;
        Ok(self.state_get(key).await)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), String>> {
        self.count_call()?;
        Ok(self.state_set(key, value).await)
    }
}

impl log::Host for GuestState {
    async fn write(&mut self, level: log::LogLevel, message: String) -> Result<()> {
        self.count_call()?;
        self.log(level.into(), &message);
        Ok(())
    }
}

impl clock::Host for GuestState {
    async fn now_ms(&mut self) -> Result<u64> {
        self.count_call()?;
        Ok(self.host.now_ms())
    }
}

impl folder::Host for GuestState {
    async fn list(&mut self, folder: String) -> Result<Result<Vec<folder::Entry>, folder::Error>> {
        self.count_call()?;
        let listed = self.folder_list(folder).await;
        Ok(listed.map(|entries| entries.into_iter().map(Into::into).collect()).map_err(Into::into))
    }

    async fn read(&mut self, folder: String, name: String, offset: u64, length: u32) -> Result<Result<Vec<u8>, folder::Error>> {
        self.count_call()?;
        Ok(self.folder_read(folder, name, offset, length).await.map_err(Into::into))
    }

    async fn write(&mut self, folder: String, name: String, content: Vec<u8>) -> Result<Result<(), folder::Error>> {
        self.count_call()?;
        Ok(self.host.folder_write(&folder, &name, content).await.map_err(Into::into))
    }

    async fn append(&mut self, folder: String, name: String, content: Vec<u8>) -> Result<Result<(), folder::Error>> {
        self.count_call()?;
        Ok(self.host.folder_append(&folder, &name, content).await.map_err(Into::into))
    }

    async fn remove(&mut self, folder: String, name: String) -> Result<Result<(), folder::Error>> {
        self.count_call()?;
        Ok(self.host.folder_remove(&folder, &name).await.map_err(Into::into))
    }
}

impl blob::Host for GuestState {
    async fn fetch(&mut self, endpoint: String, request: http::Request) -> Result<Result<blob::BlobResponse, http::Error>> {
        self.count_call()?;
        let answer = self.blob_fetch(endpoint, request.into()).await;
        held(self, answer)
    }

    async fn send(
        &mut self,
        endpoint: String,
        request: http::Request,
        body: Resource<Held>,
    ) -> Result<Result<blob::BlobResponse, http::Error>> {
        self.count_call()?;
        let answer = self.blob_send(endpoint, request.into(), &body).await?;
        held(self, answer)
    }
}

fn held(state: &mut GuestState, answer: Result<BlobResponse, HttpError>) -> Result<Result<blob::BlobResponse, http::Error>> {
    Ok(match answer {
        Ok(answer) => Ok(blob::BlobResponse { status: answer.status, headers: answer.headers, body: state.hold(answer.body)? }),
        Err(error) => Err(error.into()),
    })
}

impl blob::HostBlob for GuestState {
    async fn size(&mut self, blob: Resource<Held>) -> Result<u64> {
        self.count_call()?;
        Ok(self.table.get(&blob)?.body.size())
    }

    async fn read(&mut self, blob: Resource<Held>, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.count_call()?;
        self.blob_read(&blob, offset, length).await
    }

    async fn drop(&mut self, blob: Resource<Held>) -> Result<()> {
        self.release(blob)
    }
}
