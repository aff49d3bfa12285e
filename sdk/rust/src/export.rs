//! The macros that turn a type with the traits into a component's exports.

/// Exports a type that has [`crate::Connection`], [`crate::Source`] and [`crate::Destination`] as a connector.
/// Call it once, at the top of the crate. Outside wasm it only checks the types.
#[macro_export]
macro_rules! connector {
    ($plugin:ident) => {
        const _: () = {
            use $crate::bindings::connector::exports::nave::plugin as nave_exports;
            use $crate::types as nave_types;

            impl nave_exports::connection::Guest for $plugin {
                fn check() -> ::std::result::Result<nave_types::CheckReport, nave_types::Failure> {
                    <$plugin as $crate::Connection>::check()
                }
                fn webhook(
                    request: nave_types::WebhookRequest,
                ) -> ::std::result::Result<::std::vec::Vec<nave_types::Event>, nave_types::Failure> {
                    <$plugin as $crate::Connection>::webhook(request)
                }
            }

            impl nave_exports::source::Guest for $plugin {
                fn discover() -> ::std::result::Result<::std::vec::Vec<nave_types::Stream>, nave_types::Failure> {
                    <$plugin as $crate::Source>::discover()
                }
                fn read(
                    stream: ::std::string::String,
                    checkpoint: ::std::option::Option<::std::vec::Vec<u8>>,
                    limit: u32,
                ) -> ::std::result::Result<nave_types::Page, nave_types::Failure> {
                    <$plugin as $crate::Source>::read(&stream, checkpoint, limit)
                }
                fn acknowledge(
                    stream: ::std::string::String,
                    checkpoint: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<(), nave_types::Failure> {
                    <$plugin as $crate::Source>::acknowledge(&stream, checkpoint)
                }
                fn get(
                    stream: ::std::string::String,
                    ids: ::std::vec::Vec<::std::string::String>,
                ) -> ::std::result::Result<::std::vec::Vec<nave_types::SourceRecord>, nave_types::Failure> {
                    <$plugin as $crate::Source>::get(&stream, ids)
                }
            }

            impl nave_exports::destination::Guest for $plugin {
                fn write(
                    stream: ::std::string::String,
                    deliveries: ::std::vec::Vec<nave_types::Delivery>,
                ) -> ::std::result::Result<::std::vec::Vec<nave_types::Outcome>, nave_types::Failure> {
                    <$plugin as $crate::Destination>::write(&stream, deliveries)
                }
                fn find(
                    stream: ::std::string::String,
                    path: ::std::string::String,
                    values: ::std::vec::Vec<::std::string::String>,
                ) -> ::std::result::Result<::std::vec::Vec<nave_types::SourceRecord>, nave_types::Failure> {
                    <$plugin as $crate::Destination>::find(&stream, &path, values)
                }
            }
        };

        #[cfg(target_arch = "wasm32")]
        $crate::bindings::connector::export_connector!($plugin with_types_in $crate::bindings::connector);
    };
}

/// Exports a type that has [`crate::Transform`]. Call it once, at the top of the crate.
#[macro_export]
macro_rules! transform {
    ($plugin:ident) => {
        const _: () = {
            use $crate::bindings::transform::exports::nave::plugin::transform as nave_transform;

            impl nave_transform::Guest for $plugin {
                fn call(
                    name: ::std::string::String,
                    inputs: ::std::vec::Vec<nave_transform::Column>,
                ) -> ::std::result::Result<nave_transform::Batch, ::std::string::String> {
                    <$plugin as $crate::Transform>::call(&name, inputs)
                }
            }
        };

        #[cfg(target_arch = "wasm32")]
        $crate::bindings::transform::export_transform!($plugin with_types_in $crate::bindings::transform);
    };
}
