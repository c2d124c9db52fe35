# SPDX-License-Identifier: Apache-2.0
# Writes simd_ops.h, the instructions that simd_vectors.c executes: python3 simd_ops.py > simd_ops.h
# op(name, kind of operands, bytes before ModR/M, ModR/M, immediates, bytes executed after it)
ops=[]
def op(name,kind,enc,modrm=0xC1,imms=None,post=''):
    for im in (imms or [None]):
        ops.append((name,kind,enc,modrm,im,post))
for n,o in dict(sqrt=0x51,add=0x58,mul=0x59,sub=0x5c,min=0x5d,div=0x5e,max=0x5f).items():
    op(n+'ps','s','0f%02x'%o); op(n+'ss','s','f30f%02x'%o); op(n+'pd','d','660f%02x'%o); op(n+'sd','d','f20f%02x'%o)
for o,n in ((0xd0,'addsub'),(0x7c,'hadd'),(0x7d,'hsub')):
    op(n+'ps','s','f20f%02x'%o); op(n+'pd','d','660f%02x'%o)
P=list(range(8))
op('cmpps','s','0fc2',imms=P); op('cmpss','s','f30fc2',imms=P); op('cmppd','d','660fc2',imms=P); op('cmpsd','d','f20fc2',imms=P)
op('ucomiss','s','0f2e');op('comiss','s','0f2f');op('ucomisd','d','660f2e');op('comisd','d','660f2f')
op('cvtps2pd','s','0f5a');op('cvtss2sd','s','f30f5a');op('cvtpd2ps','d','660f5a');op('cvtsd2ss','d','f20f5a')
op('cvtdq2ps','i','0f5b');op('cvtps2dq','s','660f5b');op('cvttps2dq','s','f30f5b')
op('cvttpd2dq','d','660fe6');op('cvtpd2dq','d','f20fe6');op('cvtdq2pd','i','f30fe6')
op('cvtsi2ss32','i','f30f2a');op('cvtsi2ss64','i','f3480f2a');op('cvtsi2sd32','i','f20f2a');op('cvtsi2sd64','i','f2480f2a')
op('cvttss2si32','s','f30f2c');op('cvttss2si64','s','f3480f2c');op('cvttsd2si32','d','f20f2c');op('cvttsd2si64','d','f2480f2c')
op('cvtss2si32','s','f30f2d');op('cvtss2si64','s','f3480f2d');op('cvtsd2si32','d','f20f2d');op('cvtsd2si64','d','f2480f2d')
op('cvtpi2ps','i','0f2a');op('cvttps2pi','s','0f2c');op('cvtps2pi','s','0f2d');op('cvtpi2pd','i','660f2a');op('cvttpd2pi','d','660f2c');op('cvtpd2pi','d','660f2d')
R=[0,1,2,3,4,8,9,10,11,12]
op('roundps','s','660f3a08',imms=R);op('roundpd','d','660f3a09',imms=R);op('roundss','s','660f3a0a',imms=R);op('roundsd','d','660f3a0b',imms=R)
op('dpps','s','660f3a40',imms=[0xff,0x71,0x31,0xf1,0xaf,0x5a,0xe3,0x00]);op('dppd','d','660f3a41',imms=[0x33,0x31,0x13,0x22,0x10,0x30])
op('rcpps','s','0f53');op('rsqrtps','s','0f52');op('rcpss','s','f30f53');op('rsqrtss','s','f30f52')
# integer, mmx + sse
both={0x60:'punpcklbw',0x61:'punpcklwd',0x62:'punpckldq',0x63:'packsswb',0x64:'pcmpgtb',0x65:'pcmpgtw',0x66:'pcmpgtd',0x67:'packuswb',0x68:'punpckhbw',0x69:'punpckhwd',0x6a:'punpckhdq',0x6b:'packssdw',0x74:'pcmpeqb',0x75:'pcmpeqw',0x76:'pcmpeqd',0xd1:'psrlw',0xd2:'psrld',0xd3:'psrlq',0xd4:'paddq',0xd5:'pmullw',0xd8:'psubusb',0xd9:'psubusw',0xda:'pminub',0xdb:'pand',0xdc:'paddusb',0xdd:'paddusw',0xde:'pmaxub',0xdf:'pandn',0xe0:'pavgb',0xe1:'psraw',0xe2:'psrad',0xe3:'pavgw',0xe4:'pmulhuw',0xe5:'pmulhw',0xe8:'psubsb',0xe9:'psubsw',0xea:'pminsw',0xeb:'por',0xec:'paddsb',0xed:'paddsw',0xee:'pmaxsw',0xef:'pxor',0xf1:'psllw',0xf2:'pslld',0xf3:'psllq',0xf4:'pmuludq',0xf5:'pmaddwd',0xf6:'psadbw',0xf8:'psubb',0xf9:'psubw',0xfa:'psubd',0xfb:'psubq',0xfc:'paddb',0xfd:'paddw',0xfe:'paddd'}
shift={'psrlw','psrld','psrlq','psraw','psrad','psllw','pslld','psllq'}
for o,n in both.items():
    k='h' if n in shift else 'i'
    op(n+'.mm',k,'0f%02x'%o); op(n,k,'660f%02x'%o)
op('punpcklqdq','i','660f6c');op('punpckhqdq','i','660f6d')
b38={0:'pshufb',1:'phaddw',2:'phaddd',3:'phaddsw',4:'pmaddubsw',5:'phsubw',6:'phsubd',7:'phsubsw',8:'psignb',9:'psignw',10:'psignd',11:'pmulhrsw',0x1c:'pabsb',0x1d:'pabsw',0x1e:'pabsd'}
for o,n in b38.items(): op(n+'.mm','i','0f38%02x'%o); op(n,'i','660f38%02x'%o)
for o,n in {0x20:'pmovsxbw',0x21:'pmovsxbd',0x22:'pmovsxbq',0x23:'pmovsxwd',0x24:'pmovsxwq',0x25:'pmovsxdq',0x30:'pmovzxbw',0x31:'pmovzxbd',0x32:'pmovzxbq',0x33:'pmovzxwd',0x34:'pmovzxwq',0x35:'pmovzxdq',0x28:'pmuldq',0x29:'pcmpeqq',0x2b:'packusdw',0x37:'pcmpgtq',0x38:'pminsb',0x39:'pminsd',0x3a:'pminuw',0x3b:'pminud',0x3c:'pmaxsb',0x3d:'pmaxsd',0x3e:'pmaxuw',0x3f:'pmaxud',0x40:'pmulld',0x41:'phminposuw',0x17:'ptest'}.items(): op(n,'i','660f38%02x'%o)
for o,n in {0x10:'pblendvb',0x14:'blendvps',0x15:'blendvpd'}.items(): op(n,'i','660f38%02x'%o,modrm=0xd1,post='0f28c2')
for g,t in ((0x71,{2:'psrlw',4:'psraw',6:'psllw'}),(0x72,{2:'psrld',4:'psrad',6:'pslld'}),(0x73,{2:'psrlq',6:'psllq'})):
    for e,n in t.items():
        I=[0,1,7,15,16,31,32,63,64,255]
        op(n+'.imm.mm','i','0f%02x'%g,modrm=0xc0|e<<3,imms=I); op(n+'.imm','i','660f%02x'%g,modrm=0xc0|e<<3,imms=I)
op('psrldq','i','660f73',modrm=0xd8,imms=[0,1,5,8,9,15,16,200]);op('pslldq','i','660f73',modrm=0xf8,imms=[0,1,5,8,9,15,16,200])
I8=[0x00,0x1b,0xe4,0xff,0x93,0x4e,0x6c]
op('pshufw.mm','i','0f70',imms=I8);op('pshufd','i','660f70',imms=I8);op('pshufhw','i','f30f70',imms=I8);op('pshuflw','i','f20f70',imms=I8)
op('shufps','i','0fc6',imms=I8);op('shufpd','i','660fc6',imms=[0,1,2,3,0xff])
op('unpcklps','i','0f14');op('unpckhps','i','0f15');op('unpcklpd','i','660f14');op('unpckhpd','i','660f15')
op('palignr.mm','i','0f3a0f',imms=[0,1,7,8,9,15,16,200]);op('palignr','i','660f3a0f',imms=[0,1,7,8,9,15,16,17,24,31,32,200])
op('blendps','i','660f3a0c',imms=[0,5,0xa,0xff,3]);op('blendpd','i','660f3a0d',imms=[0,1,2,3]);op('pblendw','i','660f3a0e',imms=[0,0x55,0xaa,0xc3,0xff])
op('mpsadbw','i','660f3a42',imms=list(range(8)));op('insertps','i','660f3a21',imms=[0,0x10,0x55,0xe4,0x2f,0xff,0x93])
op('pclmulqdq','i','660f3a44',imms=[0,1,0x10,0x11])
op('pinsrw','i','660fc4',imms=[0,3,7,9]);op('pinsrw.mm','i','0fc4',imms=[0,1,3,6]);op('pinsrb','i','660f3a20',imms=[0,7,8,15,19]);op('pinsrd','i','660f3a22',imms=[0,1,2,3]);op('pinsrq','i','66480f3a22',imms=[0,1,2])
op('pextrw','i','660fc5',imms=[0,3,7,9]);op('pextrw.mm','i','0fc5',imms=[0,1,3,6])
# pextr*: reg=xmm0 rm=ecx -> use rm result rcx
op('pextrb','i','660f3a14',imms=[0,7,8,15,19]);op('pextrd','i','660f3a16',imms=[0,1,2,3]);op('pextrq','i','66480f3a16',imms=[0,1,2]);op('extractps','i','660f3a17',imms=[0,1,2,3]);op('pextrw.rm','i','660f3a15',imms=[0,3,7,9])
op('pmovmskb','i','660fd7');op('pmovmskb.mm','i','0fd7');op('movmskps','i','0f50');op('movmskpd','i','660f50')
op('movshdup','i','f30f16');op('movsldup','i','f30f12');op('movddup','i','f20f12')
SI=list(range(0,0x80))
op('pcmpestrm','z','660f3a60',imms=SI);op('pcmpestri','z','660f3a61',imms=SI);op('pcmpistrm','z','660f3a62',imms=SI);op('pcmpistri','z','660f3a63',imms=SI)
op('crc32b','i','f20f38f0');op('crc32w','i','66f20f38f1');op('crc32d','i','f20f38f1');op('crc32q','i','f2480f38f1');op('crc32bq','i','f2480f38f0')
op('popcntw','i','66f30fb8');op('popcntd','i','f30fb8');op('popcntq','i','f3480fb8')
print('/* generated by simd_ops.py */')
print('struct opd{const char*name;char kind;const char*enc;int modrm,imm;const char*post;};static struct opd ops[]={')
for o in ops: print('{"%s",\'%s\',"%s",%d,%d,"%s"},'%(o[0],o[1],o[2],o[3],-1 if o[4] is None else o[4],o[5]))
print('};')
