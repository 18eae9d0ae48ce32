"""What predictions are tested on: networks of timm and torchvision that chose no feature."""

from __future__ import annotations

TIMM = """
    resnet26 resnet14t resnet26d resnet33ts seresnet33ts ecaresnet26t resnext26ts seresnext26d_32x4d
    skresnet18 res2net50_26w_4s resnest14d regnetx_002 regnetx_006 regnetx_016 regnety_002
    regnety_006 regnety_016 regnetz_005 mobilenetv2_050 mobilenetv2_140 mobilenetv3_rw
    mobilenetv4_conv_small mobilenetv4_conv_medium mobilenetv4_hybrid_medium efficientnet_b1
    efficientnet_lite0 efficientnet_lite1 efficientnet_es efficientnet_em tf_efficientnetv2_b0
    efficientnetv2_rw_t fbnetc_100 fbnetv3_b mnasnet_small semnasnet_075 semnasnet_100 spnasnet_100
    hardcorenas_a hardcorenas_f tinynet_a tinynet_b tinynet_c tinynet_d tinynet_e lcnet_050
    lcnet_075 lcnet_100 repghostnet_050 repghostnet_100 ghostnetv2_100 mixnet_s mixnet_m densenet169
    dla34 dla46_c dla46x_c dla60x_c dpn48b dpn68 hrnet_w18_small vgg11_bn vgg13 selecsls42b
    cspresnet50 cspdarknet53 ese_vovnet19b_dw ese_vovnet39b rexnet_100 rexnet_130 repvgg_a1
    repvgg_b0 mobileone_s0 mobileone_s1 fastvit_t8 convnext_atto convnext_femto convnext_pico
    convnext_nano convnextv2_atto vit_tiny_patch16_224 vit_small_patch32_224 vit_small_patch16_224
    deit3_small_patch16_224 levit_128s mobilevit_xxs mobilevit_xs mobilevitv2_050 edgenext_xx_small
    poolformer_s12 pvt_v2_b0 swin_tiny_patch4_window7_224 resmlp_12_224 gmixer_24_224
    efficientformer_l1 efficientvit_b0 efficientvit_b1 repvit_m0_9 starnet_s1 starnet_s2
    tiny_vit_5m_224 eca_nfnet_l0 visformer_tiny cait_xxs24_224 convit_tiny mixer_s32_224 gernet_s
    gernet_m resnetrs50 legacy_seresnet18 legacy_xception haloregnetz_b convnext_atto_ols
    convnext_zepto_rms crossvit_tiny_240 cs3darknet_m cs3darknet_s darknet17 darknet21 darknetaa53
    deit_tiny_patch16_224 densenetblur121d dla60 dla60x efficientnet_b2_pruned efficientnet_cc_b0_4e
    efficientnet_lite2 ese_vovnet19b_slim fbnetv3_d ghostnet_050 ghostnet_130 hardcorenas_c
    hgnetv2_b0 hgnetv2_b1 hrnet_w18_small_v2 inception_v3 lcnet_150 mixnet_l mnasnet_100 mnasnet_140
    mobilenet_edgetpu_v2_xs mobilenetv1_100 mobilenetv1_125 mobilenetv3_large_075
    mobilenetv3_small_075 regnetx_004 regnetx_008 regnety_004 regnety_008 repghostnet_130 repvgg_a0
    resnet10t resnet32ts resnet50d resnetblur18 rexnet_150 selecsls60 semnasnet_140 seresnet18
    tf_efficientnet_lite0 tf_mobilenetv3_large_minimal_100 vit_small_patch8_224
    vit_xsmall_patch16_clip_224
"""
TORCHVISION = """
    resnet34 squeezenet1_0 googlenet shufflenet_v2_x1_5 shufflenet_v2_x2_0 mnasnet0_75 mnasnet1_3
    regnet_x_800mf regnet_x_1_6gf efficientnet_v2_s mobilenet_v3_large resnext50_32x4d
"""
# Of an engine that takes its time to convert a network, every so many are measured.
_SLOW_TO_CONVERT = {"ncnn": 1, "executorch": 3, "torch-compile": 6}
NETWORKS = (
    *(f"timm:{name}" for name in TIMM.split()),
    *(f"torchvision:{name}" for name in TORCHVISION.split()),
)
SIZES = (224, 160, 128)


def networks_of(engine: str) -> dict[str, tuple[int, ...]]:
    """The networks to measure on an engine, and the sizes of each.

    An engine that takes its time to convert a network gets some of them, each at one of the sizes.
    """
    if engine not in _SLOW_TO_CONVERT:
        return dict.fromkeys(NETWORKS, SIZES)
    return {
        name: (SIZES[i % len(SIZES)],)
        for i, name in enumerate(NETWORKS[:: _SLOW_TO_CONVERT[engine]])
    }
