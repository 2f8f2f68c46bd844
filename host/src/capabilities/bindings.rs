//! Generated from `wit/`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "blockyard:block/block-component-revealing",
    imports: {
        "blockyard:block/http.send": async | trappable,
        "blockyard:block/http.send-all": async | trappable,
        "blockyard:block/secrets.get": async | trappable,
        "blockyard:block/secrets-reveal.reveal": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "blockyard:block/secrets.secret": super::secrets::SecretHandle,
    },
});
