// SPDX-License-Identifier: Apache-2.0
// Native x86 instruction oracle for a Linux x86-64 host: one SIGTRAP (TF) and one sigreturn per executed instruction.
// bench/oracle-campaign.sh builds and runs it. Vectors are executed twice and left out if the two differ, and those in which the
// host did not do what a processor does: kernels that are themselves guests without hardware support may turn a trap on a
// non-canonical stack pointer into #GP, and lose the FS base that a signal handler has set. Exit code 4: the host executes no code
// of this mode at all.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <stddef.h>
#include <unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <ucontext.h>
#include <errno.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <linux/audit.h>
#include <asm/ldt.h>
#include <cpuid.h>
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;

#define CODE  0x10000000UL
#define IPOFF 0x800
#define DATA  0x20000000UL     // 2 pages RW, 1 page RO, then unmapped
#define STK   0x30000000UL     // 1 page RW
#define NV 256
struct vstate { u8 z[32][64]; u64 k[8]; u16 fcw,fsw; u8 ftw,pad[3]; u32 mxcsr; u32 pad2; u8 st[8][16]; };
static struct vstate *pool;            // NV entries
static u8 *codew;                      // writable alias of code page
static u8 *img;                        // 12K data image + 4K stack image
static int xoff[16]; static u32 xfeat;
static int mode=64; static int use512=1; static int outfd=1; static int verify=1;
static u16 cs_sel=0x33, ss_sel=0x2b, ds_sel=0; static int nosec=0,useavx=1; static u8*RP,*RPend; static u64 rp_n;
static u64 mm[8];
struct hdr { char magic[8]; u32 mode,nv,vsz,use512; u64 code,data,stk,seed; };

struct sh { volatile int rspok,modeok,probe; volatile u64 cur; volatile u64 done,ud,nondet,faults,reps,skipped; volatile u64 vec[32]; volatile u64 seedstate; u32 cov[16][256]; u32 covn[16][256]; u32 covf[16][256]; u32 covu[16][256]; volatile u64 mis,mism[12]; u32 misop[16][256]; };
static struct sh *S;

static u64 rs[2];
static inline u64 rotl(u64 x,int k){return (x<<k)|(x>>(64-k));}
static inline u64 rnd(void){u64 s0=rs[0],s1=rs[1],r=s0+s1;s1^=s0;rs[0]=rotl(s0,55)^s1^(s1<<14);rs[1]=rotl(s1,36);return r;}
static inline u32 rn(u32 n){return (u32)((rnd()>>32)*(u64)n>>32);}
static inline int pc(u32 p){return rn(100)<p;}
static u64 smix(u64*s){u64 z=(*s+=0x9e3779b97f4a7c15ULL);z=(z^(z>>30))*0xbf58476d1ce4e5b9ULL;z=(z^(z>>27))*0x94d049bb133111ebULL;return z^(z>>31);}
static void seedr(u64 s){rs[0]=smix(&s);rs[1]=smix(&s);}

struct test { u8 code[16]; u64 g[16]; u64 fl; u64 fsb,gsb; u16 vs; u8 map,op,modrm,hasrep,pfx; u32 ufl; };
struct res { u64 g[16]; u64 rip,fl,fsb,gsb; u32 vec,err; u64 cr2; struct vstate v; u16 fop; u64 fip,fdp; int nmem; struct {u32 a; u8 n; u8 b[32];} mem[64]; int memovf; };
static struct test T; static struct res R[2];
static int phase; static u64 target,tlsfs; static int repcnt;
static u64 limitN;

static const u64 edge[]={0,1,2,3,7,8,15,16,31,32,33,63,64,65,0x7f,0x80,0xff,0x100,0x7fff,0x8000,0xffff,0x10000,0x7fffffff,0x80000000,0xffffffff,0x100000000,0x7fffffffffffffff,0x8000000000000000,~0ULL,~1ULL,0x5555555555555555,0xaaaaaaaaaaaaaaaa};
static u64 pickptr0(void);
static u64 pickptr(void){ u64 p=pickptr0(); return mode==16? (p-DATA)&0xffff : p; }
static u64 pickptr0(void){
  u32 k=rn(100);
  if(k<58) return DATA+64*rn(126);
  if(k<80) return DATA+rn(0x1f80);
  if(k<88) return DATA+0x2000-rn(70);
  if(k<92) return DATA+0x2000+rn(0xf80);
  if(k<95) return DATA+0x3000-rn(70);
  if(k<97) return 0x40000000+rn(4096);
  if(k<98) return DATA-rn(40);
  if(mode==64) return 0x0000800000000000ULL-rn(32)+ (pc(50)?rnd()&0xffff000000000fffULL:0);
  return 0x40000000+rn(4096);
}
static u64 pickval(void){
  u32 k=rn(100);
  if(k<35) return rnd();
  if(k<55) return edge[rn(sizeof edge/8)];
  if(k<65) return rnd()&0xff;
  if(k<75) return (u64)(int64_t)(int32_t)rnd();
  if(k<80) return rnd()&0xffffffff;
  return pickptr();
}
// ---- skip list: privileged / nondeterministic / OS-dependent
static int skip(int map,int op,int modrm){
  int reg=(modrm>>3)&7, mod=modrm>>6;
  if(map==0) switch(op){
    case 0x0f: case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
    case 0x8e: case 0x9a: case 0xea: case 0xc4: case 0xc5: case 0x62: case 0xca: case 0xcb: case 0xcf: case 0xcd: case 0xcc: case 0xce: case 0xf1:
    case 0xe4: case 0xe5: case 0xe6: case 0xe7: case 0xec: case 0xed: case 0xee: case 0xef: case 0xf4: case 0xfa: case 0xfb:
    case 0x6c: case 0x6d: case 0x6e: case 0x6f: case 0x07: case 0x17: case 0x1f: return 1;
    case 0xff: return reg==3||reg==5;
    case 0xc6: case 0xc7: return reg==7;
    default: if(mode==64&&op>=0x40&&op<0x50) return 1; return 0; }
  if(map==1) switch(op){
    case 0: case 1: case 2: case 3: case 5: case 6: case 7: case 8: case 9: case 0xa2: case 0x31: case 0x30: case 0x32: case 0x33: case 0x34: case 0x35: case 0x37:
    case 0x20: case 0x21: case 0x22: case 0x23: case 0x38: case 0x3a: case 0xa1: case 0xa9: case 0xb2: case 0xb4: case 0xb5: case 0x78: case 0x79: return 1;
    case 0x0f: return 1; // 3dnow
    case 0xc7: return !(reg==1&&mod!=3);
    case 0xae: if(mod==3) return reg==6||reg==7? (reg==6):0; return reg==5||reg==4||reg==6; }
  if(map==2) { if(op>=0xf8) return 1; if(op>=0x80&&op<=0x83) return 1; if(op>=0xd8&&op<=0xdf && 0) return 1; if(op==0xf5||op==0xf6) return (op==0xf5)||0; }
  if(map==5||map==9) { if(op==0x49||op==0x4b||op==0x5c||op==0x5e||op==0x6c) return 1; }   // VEX map2 AMX (map index: 4=VEX1 5=VEX2 6=VEX3)
  return 0; }
static u32 undeff(int map,int op,int modrm){
  enum{CF=1,PF=4,AF=16,ZF=64,SF=128,OF=0x800}; int reg=(modrm>>3)&7;
  if(map==0){ if(op<0x40&&(op&0x27)!=0x27){int g=(op>>3)&7; if((op&7)<6&&(g==1||g==4||g==6)) return AF; return 0;}
    switch(op){case 0x80:case 0x81:case 0x82:case 0x83: return (reg==1||reg==4||reg==6)?AF:0; case 0x84:case 0x85:case 0xa8:case 0xa9: return AF;
      case 0x69:case 0x6b: return SF|ZF|AF|PF;
      case 0xf6:case 0xf7: if(reg<2) return AF; if(reg==4||reg==5) return SF|ZF|AF|PF; if(reg>=6) return CF|PF|AF|ZF|SF|OF; return 0;
      case 0xc0:case 0xc1:case 0xd2:case 0xd3: return reg<4?OF:(CF|OF|AF);
      case 0xd0:case 0xd1: return reg<4?0:AF;
      case 0x27:case 0x2f: return OF; case 0x37:case 0x3f: return OF|SF|ZF|PF; case 0xd4:case 0xd5: return OF|AF|CF; } return 0; }
  if(map==1) switch(op){ case 0xaf: return SF|ZF|AF|PF; case 0xa3:case 0xab:case 0xb3:case 0xbb:case 0xba: return OF|SF|AF|PF;
      case 0xbc:case 0xbd: return CF|OF|SF|AF|PF; case 0xa4:case 0xa5:case 0xac:case 0xad: return CF|PF|AF|ZF|SF|OF; }
  if(map==5) switch(op){ case 0xf2: case 0xf3: case 0xf5: return AF|PF; case 0xf7: return AF|SF|PF; }
  return 0; }

static void gen(void){
  struct test*t=&T; u8*c=t->code; int n=0; int rexb=0,rexx=0; int rex=-1;
 again:
  for(int i=0;i<16;i++){ t->g[i]=pickval(); }
  t->fl=0x202|(rnd()&0x8d5); if(pc(85)) t->fl&=~0x0ULL; if(pc(15)) t->fl|=0x400; if(pc(1)) t->fl|=0x40000;
  t->vs=rn(NV);
  t->fsb=pc(90)?DATA+64*rn(100):0; t->gsb=pc(90)?DATA+64*rn(100):0;
  if(pc(92)) t->g[4]=(mode==16?0:STK)+0x400+8*rn(0x180)+(pc(10)?rn(8):0); 
  if(mode==64&&!S->rspok&&(int64_t)(t->g[4]<<16)>>16!=(int64_t)t->g[4]) t->g[4]=STK+8*rn(0x200);
  if(pc(70)) t->g[6]=pickptr(); if(pc(70)) t->g[7]=pickptr();
  if(pc(60)) t->g[1]=rn(40);
  n=0; rexb=rexx=0; rex=-1; t->hasrep=0; t->pfx=0; t->modrm=0;
  u32 k=rn(100); int kind= k<34?0: k<62?1: k<70?2: k<76?3: k<90?4:5; if(kind==5&&!use512) kind=4; if(kind>=4&&!useavx) kind=rn(2);
  int pair=0; int a67=0; int o66=0;
  // legacy prefixes
  if(kind<4){ if(pc(20)) {c[n++]=0x66;t->pfx|=1;o66=1;} u32 q=rn(100); if(q<9){c[n++]=0xf2;t->hasrep=1;t->pfx|=2;} else if(q<22){c[n++]=0xf3;t->hasrep=1;t->pfx|=4;} }
  if(kind<4&&pc(3)) c[n++]=0xf0;
  if(pc(4)){ static const u8 sg[]={0x64,0x65,0x64,0x65,0x2e,0x36,0x3e,0x26}; c[n++]=sg[rn(8)]; }
  if(mode!=16? pc(4):pc(20)) {c[n++]=0x67;a67=1;}
  int map,op;
  if(kind<4){
    if(mode==64&&pc(50)){rex=0x40|rn(16);c[n++]=rex;rexb=rex&1;rexx=(rex>>1)&1;}
    map=kind; if(kind>=1)c[n++]=0x0f; if(kind==2)c[n++]=0x38; if(kind==3)c[n++]=0x3a;
    op=rn(256); c[n++]=op;
  } else if(kind==4){
    int m=1+rn(3); int wv=rnd()&0xff; 
    if(pc(30)&&m==1){ c[n++]=0xc5; c[n++]=wv; rexb=0; if(mode!=64) c[n-1]|=0xc0; }
    else { int b1=(rnd()&0xe0)|m; if(mode!=64) b1|=0xc0; c[n++]=0xc4; c[n++]=b1; c[n++]=wv; rexx=!(b1&0x40); rexb=!(b1&0x20); }
    if(pc(45)) { if(c[n-2]==0xc5||n<2) ; c[n-1]|=0x78; }   // vvvv=1111 often (2-operand forms)
    map=3+m; op=rn(256); c[n++]=op;
  } else {
    static const u8 ms[]={1,2,3,1,2,3,5,6}; int m=ms[rn(8)];
    int p0=(rnd()&0xf0)|m; if(mode!=64) p0|=0xf0&0xc0; int p1=(rnd()&0xfb)|4; int p2=rnd()&0xff; if(pc(50)) p2&=0x78|0x07; if(pc(40)) p2&=~0x87; if(pc(50)) p2&=~0x10; if(pc(45)){p1|=0x78;p2|=8;}
    c[n++]=0x62;c[n++]=p0;c[n++]=p1;c[n++]=p2; rexx=!(p0&0x40); rexb=!(p0&0x20);
    map=m<=3?7+m: 6+m; /* 8,9,10 ; 11,12 */ op=rn(256); c[n++]=op;
  }
  // modrm
  int mod=pc(48)?3:rn(3), reg=rn(8), rm=rn(8); if(kind==5&&mod==1) mod=2;
  int modrm=mod<<6|reg<<3|rm; 
  if(skip(map,op,modrm)) goto again;
  if(S->covn[map][op]>=40+(map>=8?60:0) && S->covu[map][op]*20ULL>=S->covn[map][op]*19ULL && pc(97)) goto again;
  int hasmodrm=1;
  if(map==0){ hasmodrm = (op<0x40&&(op&7)<4)||op==0x63||op==0x69||op==0x6b||(op>=0x80&&op<0x90)||op==0xc0||op==0xc1||op==0xc6||op==0xc7||(op>=0xd0&&op<0xd4)||(op>=0xd8&&op<0xe0)||op==0xf6||op==0xf7||op==0xfe||op==0xff||(mode!=64&&(op==0x62)); }
  t->map=map;t->op=op;t->modrm=hasmodrm?modrm:0;
  if(hasmodrm){
    c[n++]=modrm;
    if(mod!=3){ u64 tgt=pickptr(); int adr16=(mode==16)!=(a67&&mode!=64);
      if(mode==64) adr16=0;
      if(adr16){ // 16-bit addressing: regs hold 16-bit offsets; segment base supplies DATA (LDT) in mode 16 
        int disp=0; if(mod==1){disp=(int8_t)rnd();c[n++]=disp;} else if(mod==2||(mod==0&&rm==6)){disp=rn(0x4000);c[n++]=disp;c[n++]=disp>>8;}
      } else {
        int base=rm|rexb<<3, idx=-1, sc=0; int hassib=0;
        if(rm==4){ hassib=1; int ss=rn(4), ix=rn(8), bs=rn(8); c[n++]=ss<<6|ix<<3|bs; idx=ix|rexx<<3; if(idx==4) idx=-1; sc=ss; base=bs|rexb<<3; }
        int64_t disp=0; int nobase=0,riprel=0;
        if(mod==0&&(base&7)==5&&(hassib||rm==5)){ nobase=1; if(!hassib&&mode==64) riprel=1; }
        if(mod==1){disp=(int8_t)rnd();} else if(mod==2){disp=(int32_t)rnd();}
        u64 iv=0; if(idx>=0){ if(pc(80)) t->g[idx]=rn(64); iv=t->g[idx]<<sc; if(kind>=4&&((map==5||map==9)&&(op>=0x90&&op<=0x93||op>=0xa0&&op<=0xa3||op==0xc6||op==0xc7))) iv=0; }
        if(nobase){ disp=riprel?(int64_t)(int32_t)(tgt-(CODE+IPOFF+n+4)):(int64_t)(int32_t)(tgt-iv); }
        else if(pc(90)) { if(base==idx) { t->g[base]=(tgt-disp)/(1+(1ULL<<sc)); } else t->g[base]=tgt-disp-iv; }
        if(mod==1) c[n++]=disp; else if(mod==2||nobase){ for(int i=0;i<4;i++) c[n++]=disp>>(8*i); }
      } } }
  else if(map==0&&op>=0xa0&&op<=0xa3){ u64 p=pickptr(); int w=(mode==64&&!a67)?8:(mode==16)!=a67?2:4; for(int i=0;i<w;i++) c[n++]=p>>(8*i); }
  if(n>15) goto again;
  while(n<16) c[n++]=rnd();
  if(mode!=64) for(int i=0;i<16;i++) t->g[i]=i<8?(u32)t->g[i]:0;
  t->ufl=undeff(map,op,modrm);
}

static struct _fpstate *FP;
static void load(ucontext_t*uc){
  greg_t*g=uc->uc_mcontext.gregs; struct test*t=&T; struct vstate*v=&pool[t->vs];
  static const int map[16]={REG_RAX,REG_RCX,REG_RDX,REG_RBX,REG_RSP,REG_RBP,REG_RSI,REG_RDI,REG_R8,REG_R9,REG_R10,REG_R11,REG_R12,REG_R13,REG_R14,REG_R15};
  for(int i=0;i<16;i++) g[map[i]]=t->g[i];
  memcpy(codew+IPOFF,t->code,16);
  g[REG_RIP]= mode==16? IPOFF : CODE+IPOFF; g[REG_EFL]=t->fl|0x100;
  g[REG_CSGSFS]= cs_sel | ((u64)ss_sel<<48);
  u8*x=(u8*)uc->uc_mcontext.fpregs; 
  *(u16*)(x+0)=v->fcw; *(u16*)(x+2)=v->fsw; *(u16*)(x+4)=v->ftw; *(u16*)(x+6)=0; *(u64*)(x+8)=0; *(u64*)(x+16)=0; *(u32*)(x+24)=v->mxcsr;
  memcpy(x+32,v->st,128);
  for(int i=0;i<16;i++){ memcpy(x+160+16*i,v->z[i],16); if(useavx) memcpy(x+xoff[2]+16*i,v->z[i]+16,16);}
  if(!useavx) return; u64 bv=7;
  if(use512){ memcpy(x+xoff[5],v->k,64); for(int i=0;i<16;i++) memcpy(x+xoff[6]+32*i,v->z[i]+32,32); memcpy(x+xoff[7],v->z[16],16*64); bv|=0xe0; }
  u64*h=(u64*)(x+512); u64 keep=h[0]&~0xe7ULL; h[0]=bv|keep; for(int i=1;i<8;i++) h[i]=0;
}
static int cursig,curcode;
static void capture(ucontext_t*uc,struct res*r,u64 fsb,u64 gsb){
  greg_t*g=uc->uc_mcontext.gregs;
  static const int map[16]={REG_RAX,REG_RCX,REG_RDX,REG_RBX,REG_RSP,REG_RBP,REG_RSI,REG_RDI,REG_R8,REG_R9,REG_R10,REG_R11,REG_R12,REG_R13,REG_R14,REG_R15};
  for(int i=0;i<16;i++) r->g[i]=g[map[i]];
  if(mode!=64) for(int i=8;i<16;i++) r->g[i]=0;
  r->rip=g[REG_RIP]; if((int)g[REG_TRAPNO]==-1||nosec){ int sc=curcode; g[REG_TRAPNO]= cursig==SIGTRAP?1: cursig==SIGILL?6: cursig==SIGBUS?17: cursig==SIGFPE?(sc==FPE_INTDIV||sc==FPE_INTOVF?0:19): (sc==1||sc==2)?14:13; } r->fl=g[REG_EFL]&~0x10100ULL; r->vec=g[REG_TRAPNO]; r->err=g[REG_ERR]; r->cr2=r->vec==14?g[REG_CR2]:0; if(r->vec!=14&&r->vec!=13&&r->vec!=12&&r->vec!=11&&r->vec!=10) r->err=0;
  r->fsb=fsb;r->gsb=gsb;
  u8*x=(u8*)uc->uc_mcontext.fpregs; u64 bv=useavx?*(u64*)(x+512):7; struct vstate*v=&r->v;
  v->fcw=*(u16*)x; v->fsw=*(u16*)(x+2); v->ftw=x[4]; r->fop=*(u16*)(x+6); r->fip=*(u64*)(x+8); r->fdp=*(u64*)(x+16); v->mxcsr=*(u32*)(x+24); memcpy(v->st,x+32,128);
  if(!(bv&1)){ v->fcw=0x37f;v->fsw=0;v->ftw=0;memset(v->st,0,128); r->fop=0;r->fip=r->fdp=0; }
  for(int i=0;i<16;i++){ if(bv&2) memcpy(v->z[i],x+160+16*i,16); else memset(v->z[i],0,16); if(!useavx) memcpy(v->z[i]+16,pool[T.vs].z[i]+16,16); else if(bv&4) memcpy(v->z[i]+16,x+xoff[2]+16*i,16); else memset(v->z[i]+16,0,16);}
  if(use512){ if(bv&32) memcpy(v->k,x+xoff[5],64); else memset(v->k,0,64);
    for(int i=0;i<16;i++) if(bv&64) memcpy(v->z[i]+32,x+xoff[6]+32*i,32); else memset(v->z[i]+32,0,32);
    if(bv&128) memcpy(v->z[16],x+xoff[7],1024); else memset(v->z[16],0,1024); }
  else { struct vstate*p=&pool[T.vs]; memcpy(v->k,p->k,64); for(int i=0;i<16;i++) memcpy(v->z[i]+32,p->z[i]+32,32); memcpy(v->z[16],p->z[16],1024); }
  for(int i=0;i<8;i++) memset(v->st[i]+10,0,6);
  // memory diff + restore
  r->nmem=0;r->memovf=0;
  for(int part=0;part<2;part++){ u8*m=(u8*)(part?STK:DATA),*o=img+(part?0x3000:0); int len=part?0x1000:0x2000;
    for(int b=0;b<len;b+=64){ if(!memcmp(m+b,o+b,64)) continue;
      for(int j=0;j<64;){ if(m[b+j]==o[b+j]){j++;continue;} int s=j; int e=j+1; while(e<64&&e-s<32&&(m[b+e]!=o[b+e])) e++;
        if(r->nmem<64){ r->mem[r->nmem].a=(part?STK:DATA)+b+s; r->mem[r->nmem].n=e-s; memcpy(r->mem[r->nmem].b,m+b+s,e-s); r->nmem++; } else r->memovf=1; j=e; }
      memcpy(m+b,o+b,64);} }
  // pushf stores TF=1: normalise
  if(T.map==0&&T.op==0x9c) for(int i=0;i<r->nmem;i++) { u64 a=r->g[4]+1; if(a>=r->mem[i].a&&a<r->mem[i].a+r->mem[i].n) r->mem[i].b[a-r->mem[i].a]&=~1; }
}
static u8 ob[1<<20]; static u32 on;
static inline long sc3(long n,long a,long b,long c){long r;asm volatile("syscall":"=a"(r):"a"(n),"D"(a),"S"(b),"d"(c):"rcx","r11","memory");return r;}
static void flush(void){ u32 o=0; while(o<on){ long w=sc3(SYS_write,outfd,(long)(ob+o),on-o); if(w<=0) sc3(SYS_exit_group,3,0,0); o+=w;} on=0; }
#define PUT(p,n) do{ memcpy(ob+on,(p),(n)); on+=(n);}while(0)
static void put8(u8 v){ob[on++]=v;} static void put16(u16 v){PUT(&v,2);} static void put32(u32 v){PUT(&v,4);} static void put64(u64 v){PUT(&v,8);}
static void emit(struct res*r){
  if(on>sizeof ob-16384) flush();
  u32 st=on; put32(0); put32((u32)S->done); PUT(T.code,16); put8(mode); u64 ip0=mode==16?IPOFF:CODE+IPOFF; u64 d=r->rip-ip0; put8(r->vec==1&&d>0&&d<16?d:0); put8(r->vec==1?0xff:r->vec); put8(T.map);
  put32(r->err); put64(r->cr2); for(int i=0;i<16;i++) put64(T.g[i]); put64(T.fl); put64(T.fsb); put64(T.gsb); put16(T.vs); put32(T.ufl);
  put64(r->rip); put64(r->fl); u16 gm=0; for(int i=0;i<16;i++) if(r->g[i]!=T.g[i]) gm|=1<<i; put16(gm); for(int i=0;i<16;i++) if(gm>>i&1) put64(r->g[i]);
  put8((r->fsb!=T.fsb)|(r->gsb!=T.gsb)<<1); if(r->fsb!=T.fsb) put64(r->fsb); if(r->gsb!=T.gsb) put64(r->gsb);
  struct vstate*p=&pool[T.vs],*v=&r->v; u32 vm=0; for(int i=0;i<32;i++) if(memcmp(p->z[i],v->z[i],64)) vm|=1u<<i; put32(vm); for(int i=0;i<32;i++) if(vm>>i&1) PUT(v->z[i],64);
  u8 km=0; for(int i=0;i<8;i++) if(p->k[i]!=v->k[i]) km|=1<<i; put8(km); for(int i=0;i<8;i++) if(km>>i&1) put64(v->k[i]);
  int fpc=p->fcw!=v->fcw||p->fsw!=v->fsw||p->ftw!=v->ftw||memcmp(p->st,v->st,128)||r->fop||r->fip||r->fdp; put8(fpc|(p->mxcsr!=v->mxcsr)<<1);
  if(fpc){ put16(v->fcw);put16(v->fsw);put8(v->ftw);put16(r->fop);put64(r->fip);put64(r->fdp); for(int i=0;i<8;i++) PUT(v->st[i],10); }
  if(p->mxcsr!=v->mxcsr) put32(v->mxcsr);
  put8(r->nmem|(r->memovf<<7)); for(int i=0;i<r->nmem;i++){ put32(r->mem[i].a); put8(r->mem[i].n); PUT(r->mem[i].b,r->mem[i].n);}
  *(u32*)(ob+st)=on-st;
}
static int same(struct res*a,struct res*b){ return !memcmp(a->g,b->g,sizeof a->g)&&a->rip==b->rip&&a->fl==b->fl&&a->vec==b->vec&&a->err==b->err&&a->cr2==b->cr2&&!memcmp(&a->v,&b->v,sizeof a->v)&&a->nmem==b->nmem&&!memcmp(a->mem,b->mem,a->nmem?sizeof a->mem[0]*a->nmem:0)&&a->fsb==b->fsb&&a->gsb==b->gsb; }
static int isstr(void){ return T.map==0&&((T.op>=0xa4&&T.op<=0xa7)||(T.op>=0xaa&&T.op<=0xaf)); }
static u64 g64(u8**p){u64 v;memcpy(&v,*p,8);*p+=8;return v;} static u32 g32(u8**p){u32 v;memcpy(&v,*p,4);*p+=4;return v;} static u16 g16(u8**p){u16 v;memcpy(&v,*p,2);*p+=2;return v;}
static struct res X; static u32 rpid; static int fpcx; static char lb[8192];
static int rpnext(void){ struct test*t=&T; u8*p=RP; if(p>=RPend) return 0; RP+=*(u32*)p; p+=4; rpid=g32(&p); memcpy(t->code,p,16);p+=16; p++; p++; u8 vec=*p++; t->map=*p++; X.err=g32(&p); X.cr2=g64(&p); X.vec=vec==0xff?1:vec;
  for(int i=0;i<16;i++) t->g[i]=g64(&p); t->fl=g64(&p);t->fsb=g64(&p);t->gsb=g64(&p);t->vs=g16(&p);t->ufl=g32(&p);
  t->hasrep=0; { int i=0; for(;i<15;i++){ u8 c=t->code[i]; if(c==0xf2||c==0xf3){t->hasrep=1;continue;} if(c==0x66||c==0x67||c==0xf0||c==0x2e||c==0x36||c==0x3e||c==0x26||c==0x64||c==0x65) continue; if(mode==64&&(c&0xf0)==0x40) continue; break; }
    u8*c=t->code+i; if(t->map==0) t->op=c[0]; else if(t->map==1) t->op=c[1]; else if(t->map<4) t->op=c[2]; else if(t->map<8) t->op=c[0]==0xc5?c[2]:c[3]; else t->op=c[4]; }
  X.rip=g64(&p);X.fl=g64(&p); u16 gm=g16(&p); for(int i=0;i<16;i++) X.g[i]=gm>>i&1?g64(&p):t->g[i]; u8 b=*p++; X.fsb=b&1?g64(&p):t->fsb; X.gsb=b&2?g64(&p):t->gsb;
  X.v=pool[t->vs]; u32 vm=g32(&p); for(int i=0;i<32;i++) if(vm>>i&1){ memcpy(X.v.z[i],p,64);p+=64;} u8 km=*p++; for(int i=0;i<8;i++) if(km>>i&1) X.v.k[i]=g64(&p); fpcx=*p++; X.fop=0;X.fip=X.fdp=0;
  if(fpcx&1){ X.v.fcw=g16(&p);X.v.fsw=g16(&p);X.v.ftw=*p++;X.fop=g16(&p);X.fip=g64(&p);X.fdp=g64(&p); for(int i=0;i<8;i++){memcpy(X.v.st[i],p,10);p+=10;} } if(fpcx&2) X.v.mxcsr=g32(&p);
  X.nmem=*p++&0x7f; for(int i=0;i<X.nmem;i++){ X.mem[i].a=g32(&p); X.mem[i].n=*p++; memcpy(X.mem[i].b,p,X.mem[i].n); p+=X.mem[i].n; } return 1; }
static void hexout(char**o,const void*d,int n){ static const char h[]="0123456789abcdef"; for(int i=0;i<n;i++){ *(*o)++=h[((u8*)d)[i]>>4]; *(*o)++=h[((u8*)d)[i]&15]; } }
static void strout(char**o,const char*s){ while(*s) *(*o)++=*s++; }
static void n64(char**o,u64 v){ u8 b[8]; for(int i=0;i<8;i++) b[i]=v>>(56-8*i); hexout(o,b,8); }
static void cmpres(struct res*r){ char*o=lb; int bad=0; 
  hexout(&o,T.code,16); strout(&o," map="); *o++='0'+T.map/10; *o++='0'+T.map%10; 
  if(r->vec!=X.vec){ bad|=1; strout(&o," vec="); n64(&o,r->vec); strout(&o," want "); n64(&o,X.vec); }
  else { if(!nosec&&r->vec==14&&(r->cr2!=X.cr2||(r->err&~0)!=X.err)){ bad|=2; strout(&o," pf="); n64(&o,r->cr2); strout(&o,":"); n64(&o,r->err); strout(&o," want "); n64(&o,X.cr2); strout(&o,":"); n64(&o,X.err);} 
   if(r->rip!=X.rip){bad|=4; strout(&o," rip="); n64(&o,r->rip); strout(&o," want "); n64(&o,X.rip);} 
   u64 fd=(r->fl^X.fl)&0x40ed5; if(fd&~(u64)T.ufl){bad|=8; strout(&o," fl="); n64(&o,r->fl); strout(&o," want "); n64(&o,X.fl);} else if(fd) bad|=16;
   for(int i=0;i<16;i++) if(r->g[i]!=X.g[i]){ bad|=32; strout(&o," r"); *o++='0'+i/10; *o++='0'+i%10; *o++='='; n64(&o,r->g[i]); strout(&o," want "); n64(&o,X.g[i]); }
   for(int i=0;i<16;i++) if(memcmp(r->v.z[i],X.v.z[i],useavx?32:16)){ bad|=64; strout(&o," v"); *o++='0'+i/10; *o++='0'+i%10; *o++='='; hexout(&o,r->v.z[i],useavx?32:16); strout(&o," want "); hexout(&o,X.v.z[i],useavx?32:16); }
   if(r->v.mxcsr!=X.v.mxcsr){ bad|=128; strout(&o," mxcsr="); n64(&o,r->v.mxcsr); strout(&o," want "); n64(&o,X.v.mxcsr);} 
   if(memcmp(r->v.st,X.v.st,128)){ bad|=256; strout(&o," x87st"); for(int i=0;i<8;i++) if(memcmp(r->v.st[i],X.v.st[i],10)){ strout(&o," st"); *o++='0'+i; *o++='='; hexout(&o,r->v.st[i],10); strout(&o," want "); hexout(&o,X.v.st[i],10);} } 
   if(r->v.fsw!=X.v.fsw||r->v.ftw!=X.v.ftw||r->v.fcw!=X.v.fcw){ bad|=512; strout(&o," fsw="); n64(&o,(u64)r->v.fcw<<32|(u64)r->v.fsw<<8|r->v.ftw); strout(&o," want "); n64(&o,(u64)X.v.fcw<<32|(u64)X.v.fsw<<8|X.v.ftw);} 
   if(r->nmem!=X.nmem||memcmp(r->mem,X.mem,0)||({int d=0;for(int i=0;i<X.nmem;i++) if(r->mem[i].a!=X.mem[i].a||r->mem[i].n!=X.mem[i].n||memcmp(r->mem[i].b,X.mem[i].b,X.mem[i].n)) d=1; d;})){ bad|=1024; strout(&o," mem"); } 
   if(r->fsb!=X.fsb||r->gsb!=X.gsb) bad|=2048; }
  for(int i=0;i<12;i++) if(bad>>i&1) S->mism[i]++;
  if(bad&~16){ S->mis++; S->misop[T.map][T.op]++; if(S->misop[T.map][T.op]<=4){ *o++='\n'; sc3(SYS_write,outfd,(long)lb,o-lb); } }
}
static void done_exit(void){ flush(); sc3(SYS_exit_group,0,0,0); }

static void handler(int sig,siginfo_t*si,void*u){
  ucontext_t*uc=u; u64 fsb,gsb; 
  asm volatile("pushq $0x202; popfq":::"memory","cc");
  if(mode==64) asm volatile("rdfsbase %0; rdgsbase %1":"=r"(fsb),"=r"(gsb)); else fsb=gsb=0;
  if(mode!=64){ fsb=T.fsb;gsb=T.gsb; }
  asm volatile("mov %0,%%ds; mov %0,%%es"::"r"((u32)0x2b));
  cursig=sig; curcode=si->si_code;
  greg_t*g=uc->uc_mcontext.gregs;
  // Before the first vector: NOP with a good stack pointer, then with a bad one. A probe that kills the child leaves S->probe.
  if(phase==0){ if(RP||S->probe>=2){ phase=1; goto next; } memset(&T,0,sizeof T); T.code[0]=0x90; T.fl=0x202; T.g[4]=mode==16?0x800:STK+0x800; T.fsb=T.gsb=DATA; phase=3; S->probe=1; goto reload; }
  if(phase==3){ S->modeok=sig==SIGTRAP&&(u64)g[REG_RIP]==(mode==16?IPOFF:CODE+IPOFF)+1; if(!S->modeok) sc3(SYS_exit_group,4,0,0); T.g[4]=mode==64?1ULL<<63:T.g[4]; phase=4; S->probe=2; goto reload; }
  if(phase==4){ S->rspok=sig==SIGTRAP; phase=1; goto next; }
  if(sig==SIGSYS){ S->skipped++; goto next; }
  if((g[REG_TRAPNO]==1||(nosec&&sig==SIGTRAP))&&T.hasrep&&isstr()&&(u64)g[REG_RIP]==(mode==16?IPOFF:CODE+IPOFF)&&repcnt<600){ repcnt++; S->reps++; g[REG_EFL]|=0x100; if(mode==64) asm volatile("wrfsbase %0; wrgsbase %1"::"r"(fsb),"r"(gsb)); else asm volatile("mov %0,%%ds; mov %0,%%es"::"r"((u32)ds_sel)); return; }
  struct res*r=&R[phase-1]; capture(uc,r,fsb,gsb);
  if(mode==64&&!RP&&fsb==tlsfs&&T.fsb!=tlsfs){ S->nondet++; goto next; }
  if(RP){ S->done++; cmpres(r); goto next; }
  if(phase==1){
    S->vec[r->vec&31]++; S->covn[T.map][T.op]++;
    if(r->vec==6){ S->ud++; S->covu[T.map][T.op]++; if(!RP) goto next; }
    if(r->vec==3){ S->skipped++; goto next; }
    if(verify){ phase=2; goto reload; }
  } else { phase=1; if(!same(&R[0],&R[1])){ S->nondet++; S->covf[T.map][T.op]|=0x80000000u; goto next; } r=&R[0]; }
  if(r->vec!=1) S->faults++; else S->cov[T.map][T.op]++;
  emit(r); S->done++;
  if(S->done>=limitN) done_exit();
next:
  if(RP){ if(!rpnext()) done_exit(); } else { S->seedstate=rs[0]; gen(); } S->cur++; 
  phase=1;
reload:
  repcnt=0; load(uc);
  if(mode==64) asm volatile("wrfsbase %0; wrgsbase %1"::"r"(T.fsb),"r"(T.gsb));
  else asm volatile("mov %0,%%ds; mov %0,%%es"::"r"((u32)ds_sel));
}
static float rfl(void){ u32 b; static const u32 sp[]={0,0x80000000,1,0x80000001,0x7fffff,0x800000,0x3f800000,0xbf800000,0x7f800000,0xff800000,0x7fc00000,0xffc00000,0x7f800001,0x7fa12345,0x4f000000,0xcf000000,0x4effffff,0x5f000000,0x40490fdb,0x3f000000,0x4b000000,0x4b000001}; float f; if(pc(40)) b=sp[rn(sizeof sp/4)]; else if(pc(60)) b=(rnd()&0x807fffff)|((100+rn(56))<<23); else b=rnd(); memcpy(&f,&b,4); return f; }
static void mkpool(void){
  for(int i=0;i<NV;i++){ struct vstate*v=&pool[i]; memset(v,0,sizeof *v);
    for(int r=0;r<32;r++){ u32 k=rn(6); for(int q=0;q<8;q++){ u64 x;
        if(k==0) x=rnd(); else if(k==1){ float a=rfl(),b=rfl(); u32 ua,ub; memcpy(&ua,&a,4);memcpy(&ub,&b,4); x=(u64)ub<<32|ua; }
        else if(k==2){ static const u64 sp[]={0,0x8000000000000000,1,0xfffffffffffff,0x10000000000000,0x3ff0000000000000,0xbff0000000000000,0x7ff0000000000000,0xfff0000000000000,0x7ff8000000000000,0xfff8000000000000,0x7ff0000000000001,0x7ff4000012345678,0x41e0000000000000,0xc1e0000000000000,0x43e0000000000000,0xc3e0000000000000,0x400921fb54442d18,0x3fe0000000000000,0x4330000000000000};
             x=pc(50)?sp[rn(sizeof sp/8)]:(rnd()&0x800fffffffffffff)|((u64)(990+rn(66))<<52); }
        else if(k==3) x=rn(128)|(u64)rn(128)<<32; else if(k==4) x=rn(1024); else x=edge[rn(sizeof edge/8)];
        memcpy(v->z[r]+8*q,&x,8);} }
    for(int j=0;j<8;j++) v->k[j]=pc(30)?0:pc(50)?rnd():pc(50)?~0ULL:rnd()&0xff;
    v->mxcsr=0x1f80; if(pc(40)) v->mxcsr|=rn(4)<<13; if(pc(15)) v->mxcsr|=0x8000; if(pc(15)) v->mxcsr|=0x40; if(pc(20)) v->mxcsr|=rn(64); if(pc(6)) v->mxcsr&=~(rn(64)<<7);
    { u32 fl=v->mxcsr&0x3f, mk=(v->mxcsr>>7)&0x3f; (void)fl;(void)mk; }
    v->fcw=0x37f; if(pc(50)) v->fcw=(v->fcw&~0xf00)|(rn(4)<<10)|((u32[]){0,2,3,3}[rn(4)]<<8); if(pc(6)) v->fcw&=~rn(64);
    v->fsw=rn(8)<<11; if(pc(30)) v->fsw|=rnd()&0x4700; if(pc(10)) v->fsw|=rnd()&0x7f; { u32 un=v->fsw&~v->fcw&0x3f; if(un) v->fsw|=0x8080; else v->fsw&=~0x8080; }
    v->ftw=pc(60)?0xff:pc(30)?0:rnd();
    for(int j=0;j<8;j++){ u64 m=rnd()|(1ULL<<63); u16 e=0x3fff-40+rn(80); u32 k=rn(12); if(k==0){m=0;e=0;} else if(k==1){m=1ULL<<63;e=0x7fff;} else if(k==2){m=rnd()|3ULL<<62;e=0x7fff;} else if(k==3){m=(rnd()>>2)|2ULL<<62; e=0x7fff;} else if(k==4){m=rnd()>>1;e=0;} else if(k==5){m=rnd();e=rnd()&0x7fff;} else if(k==6){ m=1ULL<<63; e=0x3fff; } else if(k==7){ m=((u64)rn(1000)+1); int s=__builtin_clzll(m); m<<=s; e=0x3fff+63-s; }
      if(pc(50)) e|=0x8000; memcpy(v->st[j],&m,8); memcpy(v->st[j]+8,&e,2); }
  } }
extern char __executable_start, etext;
static void child(void){
  u64 lo=(u64)&__executable_start, hi=(u64)&etext; 
  struct sock_filter f[]={
    BPF_STMT(BPF_LD|BPF_W|BPF_ABS,offsetof(struct seccomp_data,arch)), BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,AUDIT_ARCH_X86_64,1,0), BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_TRAP),
    BPF_STMT(BPF_LD|BPF_W|BPF_ABS,offsetof(struct seccomp_data,instruction_pointer)+4), BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,(u32)(lo>>32),1,0), BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_TRAP),
    BPF_STMT(BPF_LD|BPF_W|BPF_ABS,offsetof(struct seccomp_data,instruction_pointer)), BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K,(u32)lo,1,0), BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_TRAP), BPF_JUMP(BPF_JMP|BPF_JGT|BPF_K,(u32)hi,0,1), BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_TRAP),
    BPF_STMT(BPF_LD|BPF_W|BPF_ABS,offsetof(struct seccomp_data,nr)),
    BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,SYS_rt_sigreturn,3,0), BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,SYS_write,2,0), BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,SYS_exit_group,1,0), BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_TRAP), BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_ALLOW)};
  struct sock_fprog pg={sizeof f/sizeof f[0],f};
  stack_t ss={.ss_sp=mmap(0,1<<18,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0),.ss_size=1<<18}; sigaltstack(&ss,0);
  struct sigaction sa={0}; sa.sa_sigaction=handler; sa.sa_flags=SA_SIGINFO|SA_ONSTACK; sigfillset(&sa.sa_mask);
  int sg[]={SIGTRAP,SIGSEGV,SIGBUS,SIGILL,SIGFPE,SIGSYS}; for(int i=0;i<6;i++) sigaction(sg[i],&sa,0);
  if(mode==16){ struct user_desc d={.entry_number=0,.base_addr=CODE,.limit=0xfff,.seg_32bit=0,.contents=2,.read_exec_only=0,.limit_in_pages=0,.seg_not_present=0,.useable=1}; if(syscall(SYS_modify_ldt,1,&d,sizeof d)) {perror("modify_ldt");_exit(9);} cs_sel=7; struct user_desc e={.entry_number=1,.base_addr=DATA,.limit=0x2fff,.seg_32bit=0,.contents=0,.useable=1}; syscall(SYS_modify_ldt,1,&e,sizeof e); e.entry_number=2; e.base_addr=STK; e.limit=0xfff; syscall(SYS_modify_ldt,1,&e,sizeof e); ds_sel=0xf; ss_sel=0x17; }
  if(mode==32) {cs_sel=0x23;ds_sel=0x2b;}
  if(!nosec) prctl(PR_SET_NO_NEW_PRIVS,1,0,0,0); if(!nosec&&prctl(PR_SET_SECCOMP,SECCOMP_MODE_FILTER,&pg)) {perror("seccomp");_exit(8);}
  if(mode==64) asm volatile("rdfsbase %0":"=r"(tlsfs));
  phase=0; asm volatile("int3"); for(;;);
}
int main(int ac,char**av){
  u64 N=1000000, seed=1; const char*out="/dev/null"; const char*rpf=0;
  for(int i=1;i<ac;i++){ if(!strcmp(av[i],"-n")) N=strtoull(av[++i],0,0); else if(!strcmp(av[i],"-s")) seed=strtoull(av[++i],0,0); else if(!strcmp(av[i],"-o")) out=av[++i]; else if(!strcmp(av[i],"-m")) mode=atoi(av[++i]); else if(!strcmp(av[i],"--no512")) use512=0; else if(!strcmp(av[i],"--noverify")) verify=0; else if(!strcmp(av[i],"--nosec")) nosec=1; else if(!strcmp(av[i],"--noavx")) useavx=0; else if(!strcmp(av[i],"--replay")) rpf=av[++i]; }
  unsigned a,b,c,d; for(int i=2;i<16;i++){ __cpuid_count(0xd,i,a,b,c,d); xoff[i]=b; }
  outfd=open(out,O_CREAT|O_TRUNC|O_WRONLY,0644);
  S=mmap(0,sizeof *S+4096,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0);
  pool=mmap(0,sizeof(struct vstate)*NV,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0);
  img=mmap(0,0x4000,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0);
  seedr(seed); mkpool(); for(int i=0;i<0x4000;i+=8){ u64 x=rnd(); u32 k=rn(10); if(k==0)x&=0xffff; if(k==1){x=pickptr();} memcpy(img+i,&x,8);} 
  int mf=memfd_create("code",0); ftruncate(mf,4096); codew=mmap(0,4096,PROT_READ|PROT_WRITE,MAP_SHARED,mf,0); memset(codew,0xcc,4096);
  if(nosec){ codew=mmap((void*)CODE,4096,PROT_READ|PROT_WRITE|PROT_EXEC,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0); memset(codew,0xcc,4096); }
  else if(mmap((void*)CODE,4096,PROT_READ|PROT_EXEC,MAP_SHARED|MAP_FIXED_NOREPLACE,mf,0)==MAP_FAILED) perror("code");
  if(mmap((void*)DATA,0x3000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE|MAP_POPULATE,-1,0)==MAP_FAILED) perror("data");
  if(mmap((void*)STK,0x1000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE|MAP_POPULATE,-1,0)==MAP_FAILED) perror("stk");
  memcpy((void*)DATA,img,0x3000); memcpy((void*)STK,img+0x3000,0x1000); mprotect((void*)(DATA+0x2000),0x1000,PROT_READ);
  if(rpf){ int f=open(rpf,O_RDONLY); off_t z=lseek(f,0,SEEK_END); u8*m=mmap(0,z,PROT_READ,MAP_PRIVATE,f,0); struct hdr*hh=(void*)m; mode=hh->mode; memcpy(pool,m+sizeof *hh,sizeof(struct vstate)*NV); memcpy(img,m+sizeof *hh+sizeof(struct vstate)*NV,0x4000); RP=m+sizeof *hh+sizeof(struct vstate)*NV+0x4000; RPend=m+z; memcpy((void*)STK,img+0x3000,0x1000); mprotect((void*)DATA,0x3000,PROT_READ|PROT_WRITE); memcpy((void*)DATA,img,0x3000); mprotect((void*)(DATA+0x2000),0x1000,PROT_READ); N=~0ULL; }
  if(!rpf){ struct hdr h={"X86ORAC1",mode,NV,sizeof(struct vstate),use512,CODE,DATA,STK,seed}; write(outfd,&h,sizeof h); write(outfd,pool,sizeof(struct vstate)*NV); write(outfd,img,0x4000); }
  struct timespec t0,t1; clock_gettime(CLOCK_MONOTONIC,&t0); int crashes=0; limitN=N;
  while(S->done<N&&crashes<200){ pid_t p=fork(); if(!p){ if(crashes&&rpf){ while(rp_n<S->cur&&RP<RPend){ RP+=*(u32*)RP; rp_n++; } } else if(crashes) { seedr(seed*7919+crashes); } child(); } int st; waitpid(p,&st,0); if(WIFEXITED(st)&&WEXITSTATUS(st)==0) break; if(WIFEXITED(st)&&WEXITSTATUS(st)==4||S->probe==1&&!S->modeok){ fprintf(stderr,"this host executes no %d-bit code\n",mode); return 4; } crashes++; fprintf(stderr,"child died st=%x after cur=%lu done=%lu\n",st,(long)S->cur,(long)S->done); if(WIFEXITED(st)) break; }
  clock_gettime(CLOCK_MONOTONIC,&t1); double dt=(t1.tv_sec-t0.tv_sec)+(t1.tv_nsec-t0.tv_nsec)*1e-9;
  fprintf(stderr,"mode %d: emitted %lu, executed %lu, #UD %lu, nondet %lu, faulting emitted %lu, rep steps %lu, skipped %lu, crashes %d, %.1fs => %.0f vectors/s, %.0f exec/s\n",mode,(long)S->done,(long)S->cur,(long)S->ud,(long)S->nondet,(long)S->faults,(long)S->reps,(long)S->skipped,crashes,dt,S->done/dt,(S->cur*(1.0)+(verify?S->cur-S->ud:0))/dt);
  fprintf(stderr,"vectors(trap no): "); for(int i=0;i<32;i++) if(S->vec[i]) fprintf(stderr,"%d:%lu ",i,(long)S->vec[i]); fprintf(stderr,"\n");
  if(rpf){ static const char*mnm[]={"exception","pf-addr/err","rip","flags(defined)","flags(undef only)","gpr","vec","mxcsr","x87 st","x87 sw/tw/cw","mem","fs/gsbase"}; fprintf(stderr,"REPLAY compared %lu, mismatching %lu\n",(long)S->done,(long)S->mis); for(int i=0;i<12;i++) if(S->mism[i]) fprintf(stderr,"  %s: %lu\n",mnm[i],(long)S->mism[i]); }
  static const char*mn[]={"1B","0F","0F38","0F3A","VEX1","VEX2","VEX3","?","EVEX1","EVEX2","EVEX3","EVEX5","EVEX6"};
  if(rpf){ for(int m=0;m<13;m++) { int any=0; for(int o=0;o<256;o++) if(S->misop[m][o]){ if(!any) fprintf(stderr,"%s:",mn[m]); any=1; fprintf(stderr," %02x=%u",o,S->misop[m][o]); } if(any) fprintf(stderr,"\n"); } return 0; }
  for(int m=0;m<13;m++){ int ok=0,non=0; for(int o=0;o<256;o++){ ok+=S->cov[m][o]>0; non+=S->covf[m][o]>>31; } fprintf(stderr,"%s: %d opcodes completed normally, %d with nondeterminism\n",mn[m],ok,non); if(non){ for(int o=0;o<256;o++) if(S->covf[m][o]>>31) fprintf(stderr," %02x",o); fprintf(stderr,"\n"); } }
  return 0; }
