// SPDX-License-Identifier: Apache-2.0
/** Programs that measure; the scripts beside this module start them. */
package dev.faultline.bench;
