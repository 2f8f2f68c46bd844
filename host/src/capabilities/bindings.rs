//! Generated from `wit/`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "blockyard:block/block-component",
    imports: {
        "blockyard:block/http.send": async,
        "blockyard:block/http.send-all": async,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "blockyard:block/secrets.secret": super::secrets::SecretHandle,
    },
});
