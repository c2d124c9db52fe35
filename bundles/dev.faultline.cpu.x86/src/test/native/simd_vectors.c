// SPDX-License-Identifier: Apache-2.0
// Executes every MMX and SSE instruction of simd_ops.py on random operands and writes operands and results: the golden vectors of
// SimdGoldenTest. On an Intel CPU with SSE4.2:
//   python3 simd_ops.py > simd_ops.h && gcc -O1 -w -o simd_vectors simd_vectors.c && ./simd_vectors 24 | gzip -9n > simd-vectors.bin.gz
#define _GNU_SOURCE
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <signal.h>
#include <ucontext.h>
#include <sys/mman.h>
#include "simd_ops.h"
typedef uint64_t u64; typedef uint32_t u32; typedef uint8_t u8;
static u64 s0=88172645463325252ULL; static u64 rnd(){s0^=s0<<13;s0^=s0>>7;s0^=s0<<17;return s0*0x2545F4914F6CDD1DULL;}
static u32 rn(u32 n){return (rnd()>>33)%n;}
struct rec{u64 a[2],b[2],c[2],rax,rdx,rcx; u32 mx,pad; u64 o[2],omm,orax,orcx; u32 ofl,omx; u32 trap,pad2;} R;
static u8*code; static u64 endip;
static void h(int s,siginfo_t*i,void*u){ucontext_t*c=u; R.trap=s; c->uc_mcontext.gregs[REG_RIP]=endip;
  R.omx=c->uc_mcontext.fpregs->mxcsr; memcpy(R.o,&c->uc_mcontext.fpregs->_xmm[0],16); c->uc_mcontext.fpregs->mxcsr=0x1f80;}
static u32 f32(int m){static const u32 sp[]={0,0x80000000,1,0x80000001,0x7fffff,0x807fffff,0x800000,0x80800000,0x3f800000,0xbf800000,0x7f800000,0xff800000,0x7fc00000,0xffc00000,0x7f800001,0xffa12345,0x7fc12345,0x4f000000,0xcf000000,0x4effffff,0x5f000000,0xdf000000,0x7f7fffff,0xff7fffff,0x3f000000,0x4b000000,0x4b000001,0x00800001,0x5effffff,0xbf000000,0x3fc00000,0x40200000};
  if(m==0) return sp[rn(32)]; if(m==1){float f=(int)rn(4000)-2000; if(rn(2))f/=8; u32 b;memcpy(&b,&f,4);return b;} if(m==2) return rnd(); if(m==3) return (rnd()&0x807fffff)|((u32)(120+rn(16))<<23); if(m==4) return (rnd()&0x807fffff)|((u32)(rn(2)?rn(8):55+rn(10))<<23); if(m==6){ return (rnd()&0x807fffff)|((u32)(148+rn(14))<<23);} return (rnd()&0x807fffff)|((u32)(rn(2)?247+rn(8):185+rn(10))<<23);}
static u64 f64(int m){static const u64 sp[]={0,1ULL<<63,1,0x8000000000000001,0xfffffffffffff,0x10000000000000,0x8010000000000000,0x800fffffffffffff,0x3ff0000000000000,0xbff0000000000000,0x7ff0000000000000,0xfff0000000000000,0x7ff8000000000000,0xfff8000000000000,0x7ff0000000000001,0xfff4000012345678,0x7ff8000012345678,0x41e0000000000000,0xc1e0000000000000,0x43e0000000000000,0xc3e0000000000000,0x7fefffffffffffff,0xffefffffffffffff,0x3fe0000000000000,0x4330000000000000,0x4330000000000001,0x41dfffffffe00000,0x36a0000000000000,0x3690000000000001,0x380fffffe0000001,0x47efffffefffffff,0x47effffff0000000};
  if(m==0) return sp[rn(32)]; if(m==1){double f=(int)rn(4000)-2000; if(rn(2))f/=8; u64 b;memcpy(&b,&f,8);return b;} if(m==2) return rnd(); if(m==3) return (rnd()&0x800fffffffffffff)|((u64)(1018+rn(12))<<52); if(m==4) return (rnd()&0x800fffffffffffff)|((u64)(rn(2)?rn(8):507+rn(10))<<52); if(m==5) return (rnd()&0x800fffffffffffff)|((u64)(rn(2)?2039+rn(8):1530+rn(10))<<52); if(m==6) return (rnd()&0x800fffffffffffff)|((u64)(1040+rn(50))<<52); return (rnd()&0x800fffffe0000000)|((u64)(rn(2)?870+rn(30):1145+rn(10))<<52);}
static u64 iv(){static const u64 e[]={0,1,~0ULL,0x8000800080008000,0x7fff7fff7fff7fff,0x8080808080808080,0x7f7f7f7f7f7f7f7f,0x8000000080000000,0x7fffffff7fffffff,1ULL<<63,0x7fffffffffffffff,0x00ff00ff00ff00ff,0xff00,0x100}; u32 k=rn(5); if(k==0) return e[rn(14)]; u64 x=rnd(); if(k==1){ static const u8 eb[]={0,1,0x7f,0x80,0x81,0xff,0xfe}; u64 v=0; for(int i=0;i<8;i++) v|=(u64)eb[rn(7)]<<8*i; return v;} if(k==2) return x&rnd(); if(k==3) return x&0x00ffffff; return x;}
int main(int c,char**v){int N=c>1?atoi(v[1]):2000; const char*only=c>2?v[2]:0; if(c>3) s0^=strtoull(v[3],0,0)*0x9E3779B97F4A7C15ULL;
 code=mmap(0,4096,7,MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT,-1,0);
 stack_t ss={.ss_sp=malloc(65536*4),.ss_size=65536*4};sigaltstack(&ss,0); struct sigaction sa={0};sa.sa_sigaction=h;sa.sa_flags=SA_SIGINFO|SA_ONSTACK;sigaction(SIGFPE,&sa,0);sigaction(SIGILL,&sa,0);
 for(unsigned k=0;k<sizeof ops/sizeof*ops;k++){struct opd*o=ops+k; if(only&&strcmp(only,o->name)) continue;
  u8*p=code; u64 r=(u64)&R; 
  #define E(...) do{u8 b_[]={__VA_ARGS__};memcpy(p,b_,sizeof b_);p+=sizeof b_;}while(0)
  #define OFF(f) (u8)(offsetof(struct rec,f))
  E(0x53,0x57); E(0x48,0xbf); memcpy(p,&r,8);p+=8; // push rbx; push rdi; mov rdi,&R
  E(0x0f,0x10,0x47,OFF(a)); E(0x0f,0x10,0x4f,OFF(b)); E(0x0f,0x10,0x57,OFF(c)); E(0x0f,0x6f,0x47,OFF(a)); E(0x0f,0x6f,0x4f,OFF(b));
  E(0x48,0x8b,0x47,OFF(rax)); E(0x48,0x8b,0x57,OFF(rdx)); E(0x48,0x8b,0x4f,OFF(rcx)); E(0x0f,0xae,0x57,OFF(mx));
  for(const char*q=o->enc;*q;q+=2){unsigned x;sscanf(q,"%2x",&x);*p++=x;} *p++=o->modrm; if(o->imm>=0)*p++=o->imm;
  E(0x0f,0xae,0x5f,OFF(omx));
  for(const char*q=o->post;*q;q+=2){unsigned x;sscanf(q,"%2x",&x);*p++=x;}
  E(0x9c,0x5b,0x48,0x89,0x9f); u32 d=offsetof(struct rec,ofl); memcpy(p,&d,4);p+=4; // pushf pop rbx mov [ofl],rbx (overwrites omx!) 
  p-=7; E(0x89,0x9f); memcpy(p,&d,4);p+=4; 
  #define ST(...) E(__VA_ARGS__)
  E(0x0f,0x11,0x87); d=offsetof(struct rec,o); memcpy(p,&d,4);p+=4; E(0x0f,0x7f,0x87); d=offsetof(struct rec,omm); memcpy(p,&d,4);p+=4;
  E(0x48,0x89,0x87); d=offsetof(struct rec,orax); memcpy(p,&d,4);p+=4; E(0x48,0x89,0x8f); d=offsetof(struct rec,orcx); memcpy(p,&d,4);p+=4;
  endip=(u64)p; E(0x0f,0x77,0x5f,0x5b,0xc3);
  u8 il=0,ib[16]; for(const char*q=o->enc;*q;q+=2){unsigned x;sscanf(q,"%2x",&x);ib[il++]=x;} ib[il++]=o->modrm; if(o->imm>=0) ib[il++]=o->imm;
  int blend=*o->post!=0, fp=o->kind=='s'||o->kind=='d', n=o->kind=='z'?1+N/32:o->imm>=0?1+N/8:fp?N:1+N/3;
  u8 nl=strlen(o->name),fl=blend|fp<<1; putchar(nl);fwrite(o->name,1,nl,stdout);putchar(il);fwrite(ib,1,il,stdout);putchar(fl);putchar(n&255);putchar(n>>8);
  for(int i=0;i<n;i++){memset(&R,0,sizeof R); 
   switch(o->kind){
    case 's': for(int w=0;w<2;w++){int m=rn(7); for(int j=0;j<2;j++){R.a[j]=(u64)f32(m)<<32|f32(rn(4)?m:rn(7));} int m2=rn(3)?m:rn(7); for(int j=0;j<2;j++)R.b[j]=(u64)f32(m2)<<32|f32(rn(4)?m2:rn(7));} break;
    case 'd': {int m=rn(8); int m2=rn(3)?m:rn(8); for(int j=0;j<2;j++){R.a[j]=f64(m);R.b[j]=f64(m2);} } break;
    case 'h': for(int j=0;j<2;j++){R.a[j]=iv();R.b[j]=rn(4)?rn(70):iv();} break;
    case 'z': { u32 al=rn(3)?3:0x100; for(int j=0;j<16;j++){ ((u8*)R.a)[j]=rn(al)+(al==3&&rn(8)?1:0); ((u8*)R.b)[j]=rn(al)+(al==3&&rn(8)?1:0);} if(rn(3)==0) for(int j=0;j<8;j++){((u8*)R.a)[2*j+1]=0;((u8*)R.b)[2*j+1]=0;} if(rn(4)==0){R.b[0]=R.a[0];R.b[1]=R.a[1];} R.rax=rn(3)?rn(18):rnd(); R.rdx=rn(3)?rn(18):rnd(); if(rn(6)==0) R.rax=-(long)R.rax; break;}
    default: for(int j=0;j<2;j++){R.a[j]=iv();R.b[j]=iv();} }
   for(int j=0;j<2;j++)R.c[j]=iv(); if(o->kind!='z'&&o->kind!='s'&&o->kind!='d'){R.rax=iv();R.rdx=iv();} R.rcx=R.b[0];
   R.mx=0x1f80|rn(4)<<13; if(rn(4)==0) R.mx|=0x8000; if(rn(4)==0) R.mx|=0x40; if(rn(3)==0) R.mx|=rn(64); if(rn(4)==0) R.mx&=~(rn(64)<<7); if(rn(3)==0) R.mx=0x1f80; if(rn(8)==0)R.mx=0x1fa0;
   ((void(*)(void))code)();
   #define W(x,n) fwrite(&(x),n,1,stdout)
   W(R.a,16);W(R.b,16); if(blend)W(R.c,16); if(!fp){W(R.rax,8);W(R.rdx,8);} W(R.mx,2); u8 t=R.trap!=0; W(t,1); W(R.omx,2); if(!t){W(R.o,16);W(R.omm,8);W(R.orax,8);W(R.orcx,8);W(R.ofl,2);} } }
 return 0;}
