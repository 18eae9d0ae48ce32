"""What predictions are tested on: networks of timm and torchvision that chose no feature."""

from __future__ import annotations

TIMM = """
    resnet26 resnet14t resnet26d resnet33ts seresnet33ts ecaresnet26t resnext26ts
    seresnext26d_32x4d skresnet18 res2net50_26w_4s resnest14d regnetx_002 regnetx_006 regnetx_016
    regnety_002 regnety_006 regnety_016 regnetz_005 mobilenetv2_050 mobilenetv2_140 mobilenetv3_rw
    mobilenetv4_conv_small mobilenetv4_conv_medium mobilenetv4_hybrid_medium efficientnet_b1
    efficientnet_lite0 efficientnet_lite1 efficientnet_es efficientnet_em tf_efficientnetv2_b0
    efficientnetv2_rw_t fbnetc_100 fbnetv3_b mnasnet_small semnasnet_075 semnasnet_100
    spnasnet_100 hardcorenas_a hardcorenas_f tinynet_a tinynet_b tinynet_c tinynet_d tinynet_e
    lcnet_050 lcnet_075 lcnet_100 repghostnet_050 repghostnet_100 ghostnetv2_100 mixnet_s mixnet_m
    densenet169 dla34 dla46_c dla46x_c dla60x_c dpn48b dpn68 hrnet_w18_small vgg11_bn vgg13
    selecsls42b cspresnet50 cspdarknet53 ese_vovnet19b_dw ese_vovnet39b rexnet_100 rexnet_130
    repvgg_a1 repvgg_b0 mobileone_s0 mobileone_s1 fastvit_t8 convnext_atto convnext_femto
    convnext_pico convnext_nano convnextv2_atto vit_tiny_patch16_224 vit_small_patch32_224
    vit_small_patch16_224 deit3_small_patch16_224 levit_128s mobilevit_xxs mobilevit_xs
    mobilevitv2_050 edgenext_xx_small poolformer_s12 pvt_v2_b0 swin_tiny_patch4_window7_224
    resmlp_12_224 gmixer_24_224 efficientformer_l1 efficientvit_b0 efficientvit_b1 repvit_m0_9
    starnet_s1 starnet_s2 tiny_vit_5m_224 eca_nfnet_l0 visformer_tiny cait_xxs24_224 convit_tiny
    mixer_s32_224 gernet_s gernet_m resnetrs50 legacy_seresnet18 legacy_xception haloregnetz_b
"""
TORCHVISION = """
    resnet34 squeezenet1_0 vgg11 googlenet shufflenet_v2_x1_5 shufflenet_v2_x2_0 mnasnet0_75
    mnasnet1_3 regnet_x_800mf regnet_x_1_6gf efficientnet_v2_s mobilenet_v3_large wide_resnet50_2
    resnext50_32x4d
"""
NETWORKS = (
    *(f"timm:{name}" for name in TIMM.split()),
    *(f"torchvision:{name}" for name in TORCHVISION.split()),
)
SIZES = (224, 160, 288)
